import { characterLength, codePointAt } from '../utf8.ts';
import { characterBits, LETTER, LOWER, NUMBER, SPACE, UPPER } from './character-bits.ts';
import { splitLikeDeepSeek } from './split-deepseek.ts';
import type { SplitFamily } from './split-patterns.ts';

const APOSTROPHE = 0x27;
const SLASH = 0x2f;
const BLANK = 0x20;

export const isNewline = (codePoint: number): boolean => codePoint === 10 || codePoint === 13;

/** Splits bytes as a family's pattern does, without an engine for regular expressions. */
export class SplitScanner {
  /** Code points of the bytes last given to `split`. */
  codePoints = new Int32Array(256);
  /** Byte offset of each code point, and of the end. */
  offsets = new Int32Array(257);
  /** Where pieces end, as indices of code points. */
  ends = new Int32Array(256);
  pieceCount = 0;
  readonly bits: Uint8Array = characterBits();
  readonly #family: SplitFamily;
  readonly #maxDigits: number;

  constructor(family: SplitFamily) {
    this.#family = family;
    this.#maxDigits = family === 'gpt2' ? Infinity : family === 'qwen' ? 1 : 3;
  }

  split(bytes: Uint8Array, start: number, end: number): void {
    const count = this.#load(bytes, start, end);
    this.pieceCount = 0;
    if (this.#family === 'deepseek') splitLikeDeepSeek(this, count);
    else for (let at = 0; at < count;) this.addPiece((at = this.#pieceEnd(at, count)));
  }

  addPiece(end: number): void {
    this.ends[this.pieceCount++] = end;
  }

  /** `\s*[\r\n]+`, `\s+(?!\S)`, `\s+`, the first where `takesNewlines`. */
  spaceEnd(at: number, count: number, takesNewlines: boolean): number {
    let end = at;
    let lastNewline = -1;
    for (; end < count && this.is(end, SPACE); end++) if (isNewline(this.codePoints[end] ?? 0)) lastNewline = end;
    if (takesNewlines && lastNewline >= 0) return lastNewline + 1;
    return end === count || end - at === 1 ? end : end - 1;
  }

  is(at: number, bit: number): boolean {
    return ((this.bits[this.codePoints[at] ?? 0] ?? 0) & bit) !== 0;
  }

  #load(bytes: Uint8Array, start: number, end: number): number {
    if (this.codePoints.length < end - start) {
      this.codePoints = new Int32Array((end - start) * 2);
      this.offsets = new Int32Array((end - start) * 2 + 1);
      this.ends = new Int32Array((end - start) * 2);
    }
    let count = 0;
    for (let at = start; at < end; at += characterLength(bytes[at] ?? 0)) {
      this.offsets[count] = at;
      this.codePoints[count++] = codePointAt(bytes, at);
    }
    this.offsets[count] = end;
    return count;
  }

  #pieceEnd(at: number, count: number): number {
    const isGpt2 = this.#family === 'gpt2';
    const isO200k = this.#family === 'o200k';
    const first = this.codePoints[at] ?? 0;
    if (isO200k) {
      const end = this.#casedWordEnd(at, count);
      if (end > at) return end;
    } else {
      const end = first === APOSTROPHE ? this.#contractionEnd(at, count, !isGpt2) : at;
      if (end > at) return end;
      const canLead = isGpt2 ? first === BLANK : !this.is(at, LETTER | NUMBER) && !isNewline(first);
      const word = canLead && at + 1 < count && this.is(at + 1, LETTER) ? at + 1 : at;
      if (this.is(word, LETTER)) return this.#runEnd(word, count, LETTER);
    }
    if (this.is(at, NUMBER)) return this.#runEnd(at, Math.min(count, at + this.#maxDigits), NUMBER);
    if (isGpt2 && first === BLANK && at + 1 < count && this.is(at + 1, NUMBER))
      return this.#runEnd(at + 1, count, NUMBER);
    const other = first === BLANK && at + 1 < count && !this.is(at + 1, SPACE | LETTER | NUMBER) ? at + 1 : at;
    if (this.is(other, SPACE | LETTER | NUMBER)) return this.spaceEnd(at, count, !isGpt2);
    let end = other + 1;
    while (end < count && !this.is(end, SPACE | LETTER | NUMBER)) end++;
    if (isGpt2) return end;
    while (end < count && (isNewline(this.codePoints[end] ?? 0) || (isO200k && this.codePoints[end] === SLASH))) end++;
    return end;
  }

  #runEnd(at: number, count: number, bit: number): number {
    let end = at + 1;
    while (end < count && this.is(end, bit)) end++;
    return end;
  }

  /** `'s|'t|'re|'ve|'m|'ll|'d`; `at` where there is none. */
  #contractionEnd(at: number, count: number, ignoresCase: boolean): number {
    if (at + 1 >= count || this.codePoints[at] !== APOSTROPHE) return at;
    const second = fold(this.codePoints[at + 1] ?? 0, ignoresCase);
    if ('stmd'.includes(second)) return at + 2;
    const both = second + (at + 2 < count ? fold(this.codePoints[at + 2] ?? 0, ignoresCase) : '');
    return both === 're' || both === 've' || both === 'll' ? at + 3 : at;
  }

  /** The first two alternatives of o200k; `at` where neither matches. */
  #casedWordEnd(at: number, count: number): number {
    const canLead = !this.is(at, LETTER | NUMBER) && !isNewline(this.codePoints[at] ?? 0);
    for (const endsLower of [true, false]) {
      for (let lead = canLead ? 1 : 0; lead >= 0; lead--) {
        const start = at + lead;
        let upperEnd = start;
        while (upperEnd < count && this.is(upperEnd, UPPER)) upperEnd++;
        let end = -1;
        if (endsLower) {
          if (upperEnd < count && this.is(upperEnd, LOWER)) end = this.#runEnd(upperEnd, count, LOWER);
          else {
            // Back to the last character that is both.
            let last = upperEnd - 1;
            while (last >= start && !this.is(last, LOWER)) last--;
            if (last >= start) end = last + 1;
          }
        } else if (upperEnd > start) {
          end = upperEnd;
          while (end < count && this.is(end, LOWER)) end++;
        }
        if (end > 0) return this.#contractionEnd(end, count, true);
      }
    }
    return at;
  }
}

function fold(codePoint: number, ignoresCase: boolean): string {
  // The long s folds to s.
  if (ignoresCase && codePoint === 0x17f) return 's';
  const character = String.fromCodePoint(codePoint);
  return ignoresCase && codePoint < 0x80 ? character.toLowerCase() : character;
}
