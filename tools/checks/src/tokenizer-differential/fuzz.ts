import type { Random } from './random.ts';

/** Ranges of code points, the hard ones more than once. */
const BLOCKS: readonly (readonly [number, number])[] = [
  [0x20, 0x7e], [0x20, 0x7e], [0x61, 0x7a], [0x30, 0x39], [0x00, 0x1f], [0x7f, 0xa0], [0xa1, 0x17f], [0x180, 0x24f],
  [0x250, 0x2ff], [0x300, 0x36f], [0x300, 0x36f], [0x370, 0x3ff], [0x400, 0x52f], [0x530, 0x58f], [0x590, 0x5ff],
  [0x600, 0x6ff], [0x700, 0x8ff], [0x900, 0x97f], [0x980, 0xdff], [0xe00, 0xeff], [0xf00, 0xfff], [0x1000, 0x109f],
  [0x10a0, 0x10ff], [0x1100, 0x11ff], [0x1200, 0x139f], [0x13a0, 0x17ff], [0x1800, 0x1cff], [0x1d00, 0x1dff],
  [0x1e00, 0x1eff], [0x1f00, 0x1fff], [0x2000, 0x206f], [0x2000, 0x206f], [0x2070, 0x20ff], [0x2100, 0x218f],
  [0x2190, 0x23ff], [0x2400, 0x27bf], [0x27c0, 0x2bff], [0x2c00, 0x2dff], [0x2e00, 0x2fff], [0x3000, 0x30ff],
  [0x3000, 0x30ff], [0x3100, 0x33ff], [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0x4e00, 0x9fff], [0xa000, 0xabff],
  [0xac00, 0xd7a3], [0xd7a4, 0xd7ff], [0xe000, 0xf8ff], [0xf900, 0xfaff], [0xfb00, 0xfb4f], [0xfb50, 0xfdff],
  [0xfe00, 0xfe6f], [0xfe70, 0xfeff], [0xff00, 0xffef], [0xfff0, 0xffff], [0x10000, 0x107ff], [0x10800, 0x10fff],
  [0x11000, 0x11fff], [0x12000, 0x16fff], [0x17000, 0x1afff], [0x1b000, 0x1cfff], [0x1d000, 0x1dfff], [0x1e000, 0x1efff],
  [0x1f000, 0x1faff], [0x1f1e6, 0x1f1ff], [0x1f3fb, 0x1f3ff], [0x20000, 0x2ffff], [0x30000, 0x3134f], [0xe0000, 0xe01ef],
  [0xf0000, 0x10ffff],
]; // prettier-ignore

/** Strings that tokenizers are known to get wrong, alone or inside another text. */
const HARD_PIECES: readonly string[] = [
  ...[' ', '  ', '   ', '\t', '\n', '\n\n', '\r\n', '\r', ' \n', '\n ', '\u000b', '\f', '\u0085', '\u00a0', '\u2028'],
  ...['\u3000', '\u200b', '\u200c', '\u200d', '\u200e', '\u2060', '\ufeff', '\u00ad', '\u180e', '\u0000', '\ufffd'],
  ...['\u0001', '\u001b', '\u001c', '\u001f', '\u007f', '\ufffe', '\uffff', '\ue000', '\u0378', '\u{e0041}'],
  ...['\u0301', '\u0300\u0301', '\u0323\u0307', '\u0345', '\u093c', '\u0e33', '\u0fb3', '\u1161', '\u11a8', '\ufe0f'],
  ...["'s", "'T", "'re", "'VE", "n't", '\u2019s', "'", "''", '"', '`', '▁', '▁▁', 'Ġ', '##', '##s', '@@', '</w>'],
  ...['<0x0A>', '<0xE2>', '<s>', '</s>', '<unk>', '<pad>', '<mask>', '[CLS]', '[SEP]', '[MASK]', '[UNK]', '[PAD]'],
  ...['[unused1]', '<|endoftext|>', '<|im_start|>', '<|', '|>', '<start_of_turn>', '<bos>', '<extra_id_0>', '[sep]'],
  ...['...', '..', '!!!', '?!', '/etc', '://', '--', '__', '\\n', '{{', '$1', '=>', '//', '#', '%d', '&amp;', '~', '^'],
  ...['0', '12', '123', '1234567', '3.14', '1,000', '٣٤', '१२', '²', '½', 'Ⅷ', '①', '一', '〇', '㍿', '㎏', '￥'],
  ...['A', 'I', 'ß', 'ẞ', 'İ', 'ı', 'Σ', 'ς', 'ΣΑΣ', 'ﬁ', 'ﬀ', 'ǆ', 'ǅ', 'é', 'e\u0301', 'Å', 'Å', 'K', 'ſ', 'ŉ', 'ﷺ'],
  ...['日本', '中文字', '。', '、', '「', 'ー', 'ｶﾞ', 'が', '한국', '각', 'ไทย', 'ำ', 'العربية', 'לָ', 'שּׁ', 'हिन्दी', 'क्ष', 'தமிழ்'],
  ...['😀', '👍🏽', '👨\u200d👩\u200d👧', '🇩🇪', '🏳️\u200d🌈', '❤️', '☃', '1️⃣', '𝔘', '𝒜', '𠮷', '𐐷', '\u{105d2}\u0307'],
  ...['DON\'T', 'camelCase', 'HTTPServer', 'iPhone', 'https://a.b/c?d=e#f', 'a@b.cd', 'snake_case', 'C++', '.NET'],
  ...['x'.repeat(100), 'x'.repeat(101), 'é'.repeat(101), 'ab'.repeat(120), ' '.repeat(17), '\n'.repeat(9), '='.repeat(70)],
  ...['-'.repeat(33), 'ha'.repeat(60), '中'.repeat(101), 'e\u0301'.repeat(100), '.'.repeat(65), '!'.repeat(130)],
]; // prettier-ignore

/** Where random texts come from. */
export interface FuzzMaterial {
  /** Lines of corpora. */
  readonly lines: readonly string[];
  /** Tokens of the vocabulary. */
  readonly tokens: readonly string[];
  readonly addedTokens: readonly string[];
}

const MAX_LINE_CHARACTERS = 160;

/** Makes texts of which some are random Unicode, some are lines of corpora that were changed, and some are tokens side by side. */
export class Fuzzer {
  readonly #random: Random;
  readonly #material: FuzzMaterial;
  readonly #makers: readonly (() => string)[];

  constructor(random: Random, material: FuzzMaterial) {
    this.#random = random;
    this.#material = material;
    const mutated = (): string => this.#mutatedLine();
    this.#makers = [
      ...[mutated, mutated, mutated, mutated, () => this.#unicode(), () => this.#unicode(), () => this.#oneBlock()],
      ...[() => this.#pieces(), () => this.#tokens(), () => this.#addedInside(), () => this.#alphabet()],
    ];
  }

  text(): string {
    // Halves of surrogate pairs have no UTF-8.
    return this.#random.pick(this.#makers)().toWellFormed();
  }

  #character(block = this.#random.pick(BLOCKS)): string {
    return String.fromCodePoint(block[0] + this.#random.below(block[1] - block[0] + 1));
  }

  #repeat(most: number, make: () => string): string {
    let text = '';
    for (let count = this.#random.below(most); count >= 0; count--) text += make();
    return text;
  }

  #unicode(): string {
    return this.#repeat(24, () => (this.#random.chance(0.15) ? ' ' : this.#character()));
  }

  /** A text of one script. */
  #oneBlock(): string {
    const block = this.#random.pick(BLOCKS);
    return this.#repeat(40, () =>
      this.#random.chance(0.12) ? this.#random.pick(HARD_PIECES) : this.#character(block),
    );
  }

  #pieces(): string {
    return this.#repeat(8, () => this.#random.pick(HARD_PIECES));
  }

  #tokens(): string {
    const glue = this.#random.pick(['', '', ' ', '▁']);
    return this.#repeat(10, () => this.#random.pick(this.#material.tokens) + glue);
  }

  /** Few different characters: long runs, and ties between merges. */
  #alphabet(): string {
    const source = this.#random.chance(0.5) ? this.#random.pick(this.#material.lines) : this.#unicode();
    const characters = Array.from(source).slice(0, 1 + this.#random.below(5));
    if (characters.length === 0) return '';
    return this.#repeat(60, () => this.#random.pick(characters));
  }

  #addedInside(): string {
    const token = this.#added();
    const line = this.#slice();
    const at = this.#random.below(line.length + 1);
    const space = this.#random.pick(['', '', ' ', '\n', '\t ', '\u3000']);
    return line.slice(0, at) + space + token + this.#random.pick(['', '', ' ', '\u0301', token]) + line.slice(at);
  }

  #added(): string {
    if (this.#material.addedTokens.length === 0) return this.#random.pick(HARD_PIECES);
    const token = this.#random.pick(this.#material.addedTokens);
    const kind = this.#random.below(12);
    if (kind === 0) return token.slice(0, -1);
    if (kind === 1) return token.slice(1);
    if (kind === 2) return token.toUpperCase();
    return kind === 3 ? token.toLowerCase() : token;
  }

  #slice(): string {
    const line = this.#random.pick(this.#material.lines);
    const length = 1 + this.#random.below(MAX_LINE_CHARACTERS);
    const start = line.length <= length ? 0 : this.#random.below(line.length - length);
    return line.slice(start, start + length);
  }

  #mutatedLine(): string {
    let line = this.#slice();
    for (let count = this.#random.below(5); count > 0; count--) {
      const at = this.#random.below(line.length + 1);
      const end = Math.min(line.length, at + this.#random.below(4));
      line = line.slice(0, at) + this.#mutation(line.slice(at, end)) + line.slice(end);
    }
    return this.#random.chance(0.06) ? `${line}\n${this.#slice()}` : line;
  }

  #mutation(part: string): string {
    const random = this.#random;
    const kind = random.below(9);
    if (kind === 0) return part + part;
    if (kind === 1) return part.toUpperCase();
    if (kind === 2) return part.normalize(random.pick(['NFD', 'NFC', 'NFKD', 'NFKC']));
    if (kind === 3) return this.#added();
    if (kind === 4) return '';
    if (kind === 5) return part + random.pick(['\u0301', '\u0308', '\u0323', '\u200d', '\ufe0f', '\u093c']);
    return kind === 6 ? this.#character() : part + random.pick(HARD_PIECES);
  }
}
