import type { AddedToken } from './added-tokens.ts';
import { findSpaceMark, type SpaceMark } from './fast/bpe/space-mark.ts';
import { partsOf, typeOf } from './fast/json.ts';
import type { Tokenizer } from './tokenizer.ts';
import { BYTE_CHARACTERS } from './unicode/byte-characters.ts';

/** A stretch of a text, in UTF-16 units `[start, end)`. */
export type TextSpan = readonly [start: number, end: number];

const encoder = new TextEncoder();
const SPACE = 0x20;
const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/;
const BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/**
 * Finds which tokens of a text are of some stretches of it, for tokenizers whose tokens spell the text out: byte-level BPE, and
 * those that write spaces as marks. Every answer is checked: the tokens' bytes, one after another, are the text's.
 */
export class TokenSpans {
  readonly #tokenizer: Tokenizer;
  readonly #added: ReadonlyMap<number, AddedToken>;
  /** undefined in byte-level tokenizers. */
  readonly #mark: SpaceMark | undefined;
  readonly #markBytes: Uint8Array;
  readonly #isByteLevel: boolean;
  /** Whether the text is composed (Unicode NFC) before it is tokenized. */
  readonly #isComposed: boolean;
  /** Bytes that a byte-level vocabulary lacks. */
  readonly #lostBytes: ReadonlySet<number>;

  constructor(tokenizer: Tokenizer) {
    const { normalizerJson, preTokenizerJson } = tokenizer.parts;
    const normalizers = partsOf(normalizerJson, 'normalizers').map(typeOf);
    this.#tokenizer = tokenizer;
    this.#added = new Map(tokenizer.addedTokens.map((token) => [token.id, token]));
    this.#isComposed = normalizers.length > 0 && normalizers.every((type) => type === 'NFC');
    this.#isByteLevel =
      (normalizers.length === 0 || this.#isComposed) &&
      partsOf(preTokenizerJson, 'pretokenizers').some((part) => typeOf(part) === 'ByteLevel');
    const isLost = ([character]: readonly [string, number]): boolean => tokenizer.tokenToId(character) === undefined;
    const lost = this.#isByteLevel ? [...BYTES].filter(isLost) : [];
    this.#lostBytes = new Set(lost.map(([, byte]) => byte));
    this.#mark = this.#isByteLevel ? undefined : findSpaceMark(normalizerJson, preTokenizerJson);
    this.#markBytes = encoder.encode(this.#mark?.mark ?? '');
  }

  /**
   * @param ids all tokens of the text, without special tokens around them
   * @param spans ascending, none inside of another
   * @returns by token, 1 where it has a part of a span; undefined where the tokens do not spell the text
   */
  find(ids: Uint32Array, text: string, spans: readonly TextSpan[]): Uint8Array | undefined {
    const placed = this.#toBytes(text, spans);
    const ends = placed === undefined ? undefined : this.#align(ids, placed.bytes);
    if (placed === undefined || ends === undefined) return undefined;
    const isInside = new Uint8Array(ids.length);
    let span = 0;
    for (let token = 0, start = 0; token < ids.length; start = ends[token] ?? start, token++) {
      const end = ends[token] ?? start;
      while ((placed.spans[span]?.[1] ?? Infinity) <= start) span++;
      const [from, to] = placed.spans[span] ?? [Infinity, Infinity];
      if (end > start && end > from && start < to) isInside[token] = 1;
    }
    return isInside;
  }

  /** The text as the model gets it, and the spans in its bytes; undefined where composing goes over an end of a span. */
  #toBytes(text: string, spans: readonly TextSpan[]): { bytes: Uint8Array; spans: TextSpan[] } | undefined {
    const compose = (part: string): string => (this.#isComposed ? part.normalize('NFC') : part);
    const cuts = [0, ...spans.flat(), text.length];
    const parts = cuts.slice(1).map((end, index) => compose(text.slice(cuts[index], end)));
    const composed = parts.join('');
    if (composed !== compose(text)) return undefined;
    let offset = 0;
    const offsets = parts.map((part) => (offset += encoder.encode(part).length));
    const inBytes = spans.map((_, index): TextSpan => [offsets[index * 2] ?? 0, offsets[index * 2 + 1] ?? 0]);
    return { bytes: encoder.encode(composed), spans: inBytes };
  }

  /** Where each token ends in the text; undefined where they do not spell it. */
  #align(ids: Uint32Array, text: Uint8Array): Uint32Array | undefined {
    const ends = new Uint32Array(ids.length);
    let [at, isStretchStart]: [number, boolean] = [0, true];
    for (const [index, id] of ids.entries()) {
      const added = this.#added.get(id);
      const afterAdded = added === undefined ? undefined : passAdded(added, text, this.#passLost(text, at));
      // Some files list the tokens of bytes among the added ones too.
      const next = afterAdded ?? this.#passToken(id, text, at, { isStretchStart, index });
      if (next === undefined) return undefined;
      ends[index] = at = next;
      isStretchStart = afterAdded !== undefined;
    }
    return this.#passLost(text, at) === text.length ? ends : undefined;
  }

  /** Position after a token of the model. */
  #passToken(
    id: number,
    text: Uint8Array,
    start: number,
    { isStretchStart, index }: { readonly isStretchStart: boolean; readonly index: number },
  ): number | undefined {
    const spelled = this.#bytesOf(id);
    if (spelled === undefined) return undefined;
    const { prefix = 'none', firstScope = 'none' } = this.#mark ?? {};
    const hasPrefix = prefix !== 'none' && (firstScope === 'text' ? index === 0 : isStretchStart);
    const isDropped =
      hasPrefix && spelled[0] === SPACE && (prefix === 'always' || this.#passByte(SPACE, text, start) === undefined);
    let at: number | undefined = start;
    for (const byte of isDropped ? spelled.subarray(1) : spelled) {
      at = this.#passByte(byte, text, at);
      if (at === undefined) return undefined;
    }
    return at;
  }

  #passByte(byte: number, text: Uint8Array, start: number): number | undefined {
    const at = text[start] === byte ? start : this.#passLost(text, start);
    if (text[at] === byte) return at + 1;
    // A mark that stands in the text itself.
    const isMark = byte === SPACE && this.#mark !== undefined && startsAt(text, at, this.#markBytes);
    return isMark ? at + this.#markBytes.length : undefined;
  }

  /** Position after bytes that have no token, which the tokenizer drops. */
  #passLost(text: Uint8Array, start: number): number {
    let at = start;
    while (at < text.length && this.#lostBytes.has(text[at] ?? 0)) at++;
    return at;
  }

  /** What a token of the model spells; undefined where it spells nothing, as the unknown token. */
  #bytesOf(id: number): Uint8Array | undefined {
    const token = this.#tokenizer.idToToken(id);
    if (token === undefined) return undefined;
    if (this.#isByteLevel) {
      const bytes = Array.from(token, (character) => BYTES.get(character) ?? -1);
      return bytes.includes(-1) ? undefined : Uint8Array.from(bytes);
    }
    if (this.#mark === undefined) return undefined;
    const byte = BYTE_TOKEN.exec(token)?.[1];
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    return encoder.encode(token.replaceAll(this.#mark.mark, ' '));
  }
}

/** Position after an added token and the white space that it takes; ASCII's, others are not looked for. */
function passAdded({ content, lstrip, rstrip }: AddedToken, text: Uint8Array, start: number): number | undefined {
  const bytes = encoder.encode(content);
  let at = start;
  while (lstrip && !startsAt(text, at, bytes) && isWhiteSpace(text[at])) at++;
  if (!startsAt(text, at, bytes)) return undefined;
  at += bytes.length;
  while (rstrip && isWhiteSpace(text[at])) at++;
  return at;
}

function startsAt(text: Uint8Array, at: number, bytes: Uint8Array): boolean {
  return bytes.every((byte, index) => text[at + index] === byte);
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === SPACE || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}
