import { characterLength, codePointAt } from '../utf8.ts';

const [UNKNOWN, SOLITARY, SOCIAL] = [0, 1, 2];

/** SentencePiece's precompiled character map on bytes (see Precompiled). */
export class Charsmap {
  /** What `apply` wrote. */
  output = new Uint8Array(1024);
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;
  // By code point: whether it is a grapheme by itself whatever is next to it.
  readonly #kinds = new Uint8Array(0x110000);
  readonly #segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

  /** @param base64 a map that Precompiled has read before */
  constructor(base64: string) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const trieBytes = new DataView(bytes.buffer).getUint32(0, true);
    this.#units = new Uint32Array(bytes.slice(4, 4 + trieBytes).buffer);
    this.#replacements = bytes.subarray(4 + trieBytes);
  }

  /** Whether anything in the bytes may be replaced: what no entry begins like stays as it is. */
  touches(bytes: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end; at += characterLength(bytes[at] ?? 0))
      if (this.#find(bytes, at, end) >= 0) return true;
    return false;
  }

  /**
   * Replaces what the map says in text whose characters are graphemes by themselves.
   * @returns the length of what it wrote to `output`, or -1 where there are other graphemes
   */
  apply(bytes: Uint8Array, start: number, end: number): number {
    let length = 0;
    for (let at = start; at < end;) {
      const size = characterLength(bytes[at] ?? 0);
      if (!this.#isSolitary(codePointAt(bytes, at))) return -1;
      const found = this.#find(bytes, at, at + size);
      const source = found < 0 ? bytes : this.#replacements;
      const from = found < 0 ? at : found;
      const count = found < 0 ? size : this.#replacementEnd(found) - found;
      if (length + count > this.output.length) {
        const larger = new Uint8Array((length + count) * 2);
        larger.set(this.output);
        this.output = larger;
      }
      for (let index = 0; index < count; index++) this.output[length++] = source[from + index] ?? 0;
      at += size;
    }
    return length;
  }

  #isSolitary(codePoint: number): boolean {
    let kind = this.#kinds[codePoint] ?? SOCIAL;
    if (kind === UNKNOWN) {
      const character = String.fromCodePoint(codePoint);
      // Neither extends, nor is extended as jamo and flags are, nor holds on to what comes after it.
      const isPair = (text: string): boolean => [...this.#segmenter.segment(text)].length === 2;
      kind = isPair(`a${character}`) && isPair(`${character}a`) && isPair(character + character) ? SOLITARY : SOCIAL;
      // A carriage return holds on to a line feed.
      if (codePoint === 13) kind = SOCIAL;
      this.#kinds[codePoint] = kind;
    }
    return kind === SOLITARY;
  }

  /** Where the replacement of the shortest entry that the bytes begin with lies, or -1. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    const units = this.#units;
    let position = unitOffset(units[0] ?? 0);
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === 0) return -1;
      position ^= byte;
      const unit = units[position] ?? 0;
      if ((unit & 0x800000ff) !== byte) return -1;
      position ^= unitOffset(unit);
      if (((unit >>> 8) & 1) === 1) return (units[position] ?? 0) & 0x7fffffff;
    }
    return -1;
  }

  #replacementEnd(start: number): number {
    const end = this.#replacements.indexOf(0, start);
    return end < 0 ? this.#replacements.length : end;
  }
}

function unitOffset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
