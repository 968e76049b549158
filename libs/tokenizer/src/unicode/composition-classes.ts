import { compositionData } from './normalization.ts';

/** In the low bits: NFC replaces the character, or it is a jamo that may compose. */
export const UNSTABLE = 0x3f;
/** It is the second of a pair that composes. */
export const IS_SECOND = 0x40;
/** It is the first of one, or is composed: a mark after it may go before its own in canonical order. */
export const IS_FIRST = 0x80;

// Vowels and final consonants of Hangul.
const [JAMO_START, JAMO_END] = [0x1160, 0x1200];

let classes: Uint8Array | undefined;

/**
 * By code point, what decides whether text is in NFC: in the low bits the rank of its combining class among all classes (0
 * for starters) or UNSTABLE, and the bits above. Text whose ranks never fall but to 0, without unstable characters and
 * without a second after a first, is in NFC (UAX 15, quick check).
 */
export function compositionClasses(): Uint8Array {
  if (classes !== undefined) return classes;
  const { combiningClass, composites, replaced } = compositionData();
  const ranks = new Map(
    [...new Set(combiningClass.values())].sort((a, b) => a - b).map((value, index) => [value, index + 1]),
  );
  if (ranks.size >= UNSTABLE) throw new RangeError(`${ranks.size} combining classes do not fit into ${UNSTABLE}`);
  const table = new Uint8Array(0x110000);
  const mark = (codePoint: number, bits: number): void => {
    table[codePoint] = (table[codePoint] ?? 0) | bits;
  };
  for (const [codePoint, value] of combiningClass) mark(codePoint, ranks.get(value) ?? 0);
  for (const pair of composites.keys()) {
    mark(Math.floor(pair / 0x110000), IS_FIRST);
    mark(pair % 0x110000, IS_SECOND);
  }
  for (const composite of composites.values()) mark(composite, IS_FIRST);
  for (const codePoint of replaced) mark(codePoint, UNSTABLE);
  for (let codePoint = JAMO_START; codePoint < JAMO_END; codePoint++) mark(codePoint, UNSTABLE);
  classes = table;
  return table;
}
