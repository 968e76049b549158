import type { Normalizer } from '../../normalizer/normalizer.ts';
import { decompose } from '../../unicode/normalization.ts';
import { characterLength, codePointAt } from '../utf8.ts';

const UNKNOWN = 0;
const UNCHANGED = -1;
// Canonical order may move it behind the mark after it.
const MOVABLE = -2;
const INITIAL_BYTES = 1024;
// Marks of the lowest and of the highest class: any mark changes places with one of them.
const [LOWEST, HIGHEST] = [0x334, 0x345];

/**
 * What a normalizer that works character by character, but for canonical order, makes of bytes. Each character is asked
 * for once.
 */
export class CharacterMap {
  /** What `apply` wrote. */
  output = new Uint8Array(INITIAL_BYTES);
  readonly #normalizer: Normalizer | undefined;
  // By code point: where its replacement begins in `#replacements`, after its length; or one of the constants above.
  readonly #places = new Int32Array(0x110000);
  #replacements = new Uint8Array(INITIAL_BYTES);
  #replacementEnd = 1;
  readonly #encoder = new TextEncoder();
  readonly #keepsOrder: boolean;

  constructor(normalizer: Normalizer | undefined) {
    this.#normalizer = normalizer;
    const disordered = String.fromCodePoint(HIGHEST, LOWEST);
    this.#keepsOrder = normalizer === undefined || normalizer.normalize(disordered) === disordered;
  }

  /** @returns the length of what it wrote to `output`, or -1 where the order of marks may change */
  apply(bytes: Uint8Array, start: number, end: number): number {
    let length = 0;
    for (let at = start; at < end;) {
      const size = characterLength(bytes[at] ?? 0);
      const codePoint = codePointAt(bytes, at);
      const place = (this.#places[codePoint] ?? UNKNOWN) || this.#add(codePoint);
      if (place === MOVABLE) return -1;
      const isUnchanged = place === UNCHANGED;
      const source = isUnchanged ? bytes : this.#replacements;
      const from = isUnchanged ? at : place + 1;
      const count = isUnchanged ? size : (this.#replacements[place] ?? 0);
      if (length + count > this.output.length) {
        const larger = new Uint8Array(this.output.length * 2);
        larger.set(this.output);
        this.output = larger;
      }
      for (let index = 0; index < count; index++) this.output[length++] = source[from + index] ?? 0;
      at += size;
    }
    return length;
  }

  #add(codePoint: number): number {
    const character = String.fromCodePoint(codePoint);
    const normalized = this.#normalizer?.normalize(character) ?? character;
    let place = UNCHANGED;
    if (!this.#keepsOrder && [...normalized].some(isMovable)) place = MOVABLE;
    else if (normalized !== character) {
      const bytes = this.#encoder.encode(normalized);
      if (this.#replacementEnd + bytes.length + 1 > this.#replacements.length) {
        const larger = new Uint8Array(this.#replacements.length * 2);
        larger.set(this.#replacements);
        this.#replacements = larger;
      }
      place = this.#replacementEnd;
      this.#replacements[place] = bytes.length;
      this.#replacements.set(bytes, place + 1);
      this.#replacementEnd += bytes.length + 1;
    }
    this.#places[codePoint] = place;
    return place;
  }
}

function isMovable(character: string): boolean {
  const codePoint = character.codePointAt(0) ?? 0;
  const isBehind = (text: string): boolean => decompose(text, false).at(-1) === codePoint;
  return (
    codePoint >= 0x300 &&
    decompose(character, false).length === 1 &&
    (isBehind(character + String.fromCodePoint(LOWEST)) || !isBehind(String.fromCodePoint(HIGHEST) + character))
  );
}
