import { TokenizerError } from '../error.ts';

/** Records as UTF-8, one text after the other. */
export interface RecordBlock {
  /** Valid UTF-8. */
  readonly bytes: Uint8Array;
  /** Where each text begins, and where the last one ends: `[textCount + 1]`, ascending. */
  readonly textOffsets: Uint32Array;
  /** By record, 1 where a second text belongs to it; without it every record has one text. */
  readonly hasPair?: Uint8Array;
  /** By record, the number of its words: each is a text of its own, and is tokenized by itself. Not beside `hasPair`. */
  readonly wordCounts?: Uint32Array;
}

/** Number of records of a block. */
export function recordCountOf(block: RecordBlock): number {
  return block.wordCounts?.length ?? block.hasPair?.length ?? block.textOffsets.length - 1;
}

/** Whether bytes are valid UTF-8. A runtime may have a faster one than the default, e.g. `isUtf8` of `node:buffer`. */
export type Utf8Check = (bytes: Uint8Array) => boolean;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Checks by decoding. */
export const isUtf8: Utf8Check = (bytes) => {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
};

/** @throws TokenizerError INVALID_UTF8, INVALID_OPTION */
export function checkBlock(block: RecordBlock, checkUtf8: Utf8Check): void {
  const { bytes, textOffsets } = block;
  const [first = 0, last = 0] = [textOffsets[0], textOffsets.at(-1)];
  let previous = 0;
  for (const offset of textOffsets) {
    if (offset < previous || offset > bytes.length)
      throw new TokenizerError(
        'INVALID_OPTION',
        `A text of a block begins at byte ${offset}, expected one from ${previous} to ${bytes.length}`,
      );
    // A text that begins inside of a character is not valid, although the block as a whole may be.
    if (offset < bytes.length && ((bytes[offset] ?? 0) & 0xc0) === 0x80)
      throw new TokenizerError(
        'INVALID_UTF8',
        `A text of a block begins or ends inside of a character, at byte ${offset}`,
      );
    previous = offset;
  }
  const textCount = textCountOf(block);
  if (textOffsets.length !== textCount + 1)
    throw new TokenizerError(
      'INVALID_OPTION',
      `A block of ${textCount} texts has ${textOffsets.length} offsets, expected ${textCount + 1}`,
    );
  if (!checkUtf8(first === 0 && last === bytes.length ? bytes : bytes.subarray(first, last)))
    throw new TokenizerError('INVALID_UTF8', `A block of ${last - first} bytes is not valid UTF-8`);
}

function textCountOf(block: RecordBlock): number {
  const { wordCounts, hasPair } = block;
  if (wordCounts !== undefined) return wordCounts.reduce((sum, count) => sum + count, 0);
  let textCount = recordCountOf(block);
  for (const flag of hasPair ?? []) textCount += flag === 1 ? 1 : 0;
  return textCount;
}

const INITIAL_BYTES = 1 << 16;
const INITIAL_TEXTS = 1 << 10;

/** Gathers texts into blocks; those of one block are added all by `add` or all by `addWords`. */
export class RecordBlockBuilder {
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(INITIAL_BYTES);
  #byteCount = 0;
  #offsets = new Uint32Array(INITIAL_TEXTS);
  #textCount = 0;
  #hasPair = new Uint8Array(INITIAL_TEXTS);
  #recordCount = 0;
  #wordCounts: number[] = [];

  /** Lone surrogates become U+FFFD, as everywhere where text becomes UTF-8. */
  add(text: string, textPair?: string): void {
    this.#addText(text);
    if (textPair !== undefined) this.#addText(textPair);
    if (this.#recordCount === this.#hasPair.length) {
      const larger = new Uint8Array(this.#recordCount * 2);
      larger.set(this.#hasPair);
      this.#hasPair = larger;
    }
    this.#hasPair[this.#recordCount++] = textPair === undefined ? 0 : 1;
  }

  /** A record of words; lone surrogates as with `add`. */
  addWords(words: readonly string[]): void {
    for (const word of words) this.#addText(word);
    this.#wordCounts.push(words.length);
  }

  get recordCount(): number {
    return this.#recordCount + this.#wordCounts.length;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** The records since the last call, valid until the next `add`. */
  take(): RecordBlock {
    const isOfWords = this.#wordCounts.length > 0;
    if (isOfWords && this.#recordCount > 0) throw new TypeError('A block has records of words and others');
    const block = {
      bytes: this.#bytes.subarray(0, this.#byteCount),
      textOffsets: this.#offsets.subarray(0, this.#textCount + 1),
      ...(isOfWords
        ? { wordCounts: Uint32Array.from(this.#wordCounts) }
        : { hasPair: this.#hasPair.subarray(0, this.#recordCount) }),
    };
    this.#wordCounts = [];
    this.#byteCount = this.#textCount = this.#recordCount = 0;
    return block;
  }

  #addText(text: string): void {
    // A UTF-16 unit takes three bytes at most.
    const most = this.#byteCount + text.length * 3;
    if (most > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(most, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#byteCount));
      this.#bytes = larger;
    }
    if (this.#textCount + 2 > this.#offsets.length) {
      const larger = new Uint32Array(this.#offsets.length * 2);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#byteCount += this.#encoder.encodeInto(text, this.#bytes.subarray(this.#byteCount)).written;
    this.#offsets[++this.#textCount] = this.#byteCount;
  }
}
