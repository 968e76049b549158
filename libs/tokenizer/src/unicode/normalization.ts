import type { AlignedText } from '../aligned-text.ts';
import { CodePointSet, parseMap, parseRanges, unionOf } from './code-point-set.ts';
import { COMPATIBILITY_DECOMPOSITION } from './compatibility-tables.ts';
import { CANONICAL_DECOMPOSITION, COMBINING_CLASS, COMPOSITION_EXCLUSION } from './tables.ts';
import { composeHangul, decomposeHangul, isHangulSyllable } from './hangul.ts';

export const NORMALIZATION_FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'] as const;
export type NormalizationForm = (typeof NORMALIZATION_FORMS)[number];

// Full decompositions, without Hangul.
const canonical = parseMap(CANONICAL_DECOMPOSITION);
// Parsed when first needed: no model family but one asks for it.
let compatibility: ReadonlyMap<number, string> | undefined;

/** Canonical combining classes above 0. */
const combiningClass: ReadonlyMap<number, number> = new Map(
  [...parseMap(COMBINING_CLASS)].map(([codePoint, value]) => [codePoint, value.codePointAt(0) ?? 0]),
);

/**
 * A Unicode normalization form (UAX 15) in the version of Unicode that the reference library's tables have, which is
 * older than the runtime's: `String.prototype.normalize` gives other text for characters of later versions.
 */
export function normalizeText(text: string, form: NormalizationForm): string {
  const isComposing = form === 'NFC' || form === 'NFKC';
  if (isUnchanged(text, form)) return text;
  const codePoints = decompose(text, form === 'NFKC' || form === 'NFKD');
  if (isComposing) compose(codePoints);
  // In parts: a call has a limit of arguments.
  let result = '';
  for (let start = 0; start < codePoints.length; start += 4096)
    result += String.fromCodePoint(...codePoints.slice(start, start + 4096));
  return result;
}

/**
 * {@link normalizeText} of a text with what each character came from, as the reference library has it
 * (`unicode_normalization_alignments`).
 */
export function alignForm(text: AlignedText, form: NormalizationForm): AlignedText {
  if (isUnchanged(text.text, form)) return text;
  const changes: number[] = [];
  const codePoints = decompose(text.text, form === 'NFKC' || form === 'NFKD', changes);
  if (form === 'NFC' || form === 'NFKC') compose(codePoints, changes);
  return text.transform(
    codePoints.map((codePoint) => String.fromCodePoint(codePoint)),
    changes,
  );
}

/**
 * Code points of the decomposition, with combining characters in canonical order.
 * @param changes gets, by code point, 0 for the first of a character's and 1 for the others; see `AlignedText.transform`
 */
export function decompose(text: string, isCompatibility: boolean, changes?: number[]): number[] {
  if (isCompatibility) compatibility ??= parseMap(COMPATIBILITY_DECOMPOSITION);
  const codePoints: number[] = [];
  let hasMarks = false;
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    if (isHangulSyllable(codePoint)) {
      const syllable = decomposeHangul(codePoint);
      codePoints.push(...syllable);
      changes?.push(...syllable.map((_, index) => Math.min(index, 1)));
      continue;
    }
    const parts =
      (isCompatibility ? compatibility?.get(codePoint) : undefined) ?? canonical.get(codePoint) ?? character;
    let change = 0;
    for (const part of parts) {
      const partCodePoint = part.codePointAt(0) ?? 0;
      hasMarks ||= combiningClass.has(partCodePoint);
      codePoints.push(partCodePoint);
      changes?.push(change);
      change = 1;
    }
  }
  if (hasMarks) sortMarks(codePoints, changes);
  return codePoints;
}

const classOf = (codePoint: number): number => combiningClass.get(codePoint) ?? 0;

/** Brings runs of combining characters into canonical order, stably, and what belongs to them. */
function sortMarks(codePoints: number[], changes?: number[]): void {
  for (let start = 0; start < codePoints.length; start++) {
    let end = start;
    while (end < codePoints.length && classOf(codePoints[end] ?? 0) > 0) end++;
    if (end - start > 1) {
      const places = Array.from({ length: end - start }, (_, index) => start + index);
      places.sort((a, b) => classOf(codePoints[a] ?? 0) - classOf(codePoints[b] ?? 0));
      reorder(codePoints, start, places);
      if (changes !== undefined) reorder(changes, start, places);
    }
    if (end > start) start = end - 1;
  }
}

/** Puts what stands at `places` at `start` and after. */
function reorder(values: number[], start: number, places: readonly number[]): void {
  const sorted = places.map((place) => values[place] ?? 0);
  sorted.forEach((value, index) => {
    values[start + index] = value;
  });
}

/** Puts starters and the marks after them together, in place, with their changes. */
function compose(codePoints: number[], changes?: number[]): void {
  let written = 0;
  let starterAt = -1;
  let lastClass = 0;
  for (const [index, codePoint] of codePoints.entries()) {
    const markClass = classOf(codePoint);
    // A mark is blocked from its starter by one of no lower class in between.
    const isBlocked = written - 1 !== starterAt && (lastClass === 0 || lastClass >= markClass);
    const composite = starterAt < 0 || isBlocked ? undefined : composePair(codePoints[starterAt] ?? 0, codePoint);
    if (composite !== undefined) {
      codePoints[starterAt] = composite;
      // One character in place of two.
      if (changes !== undefined) changes[starterAt] = (changes[starterAt] ?? 0) + (changes[index] ?? 0) - 1;
      continue;
    }
    if (markClass === 0) starterAt = written;
    lastClass = markClass;
    if (changes !== undefined) changes[written] = changes[index] ?? 0;
    codePoints[written++] = codePoint;
  }
  codePoints.length = written;
  if (changes !== undefined) changes.length = written;
}

function composePair(first: number, second: number): number | undefined {
  return composeHangul(first, second) ?? composites().get(first * 0x110000 + second);
}

let compositePairs: Map<number, number> | undefined;

/** Composites by `first * 0x110000 + second`. */
function composites(): ReadonlyMap<number, number> {
  if (compositePairs !== undefined) return compositePairs;
  const excluded = new CodePointSet(parseRanges(COMPOSITION_EXCLUSION));
  const composable = new Map<string, number>();
  for (const [codePoint, parts] of canonical)
    if (!excluded.has(codePoint) && [...parts].length > 1) composable.set(parts, codePoint);
  compositePairs = new Map();
  for (const [parts, codePoint] of composable) {
    const last = [...parts].at(-1) ?? '';
    const before = parts.slice(0, parts.length - last.length);
    // The decomposition is full, so what was composed before the last mark may be a composite itself.
    const first = composable.get(before) ?? before.codePointAt(0) ?? 0;
    compositePairs.set(first * 0x110000 + (last.codePointAt(0) ?? 0), codePoint);
  }
  return compositePairs;
}

/** What NFC is made of, for tests that need no text: classes above 0, composites by pair, and what never stays. */
export function compositionData(): {
  readonly combiningClass: ReadonlyMap<number, number>;
  /** Composites by `first * 0x110000 + second`, without Hangul. */
  readonly composites: ReadonlyMap<number, number>;
  /** Code points that NFC decomposes or replaces. */
  readonly replaced: ReadonlySet<number>;
} {
  const composed = new Set(composites().values());
  const replaced = new Set([...canonical.keys()].filter((codePoint) => !composed.has(codePoint)));
  return { combiningClass, composites: composites(), replaced };
}

const changeable = new Map<NormalizationForm, CodePointSet>();

/** A quick test without false positives: no character of `text` can change or combine with another one. */
function isUnchanged(text: string, form: NormalizationForm): boolean {
  if (form === 'NFC' ? /^[\0-\u02ff]*$/.test(text) : /^[\0-\x7f]*$/.test(text)) return true;
  let set = changeable.get(form);
  if (set === undefined) changeable.set(form, (set = new CodePointSet(changeableIn(form))));
  for (let index = 0; index < text.length; index++) {
    const codePoint = text.codePointAt(index) ?? 0;
    if (set.has(codePoint)) return false;
    if (codePoint > 0xffff) index++;
  }
  return true;
}

function changeableIn(form: NormalizationForm): [number, number][] {
  const points = new Set<number>(combiningClass.keys());
  if (form === 'NFKC' || form === 'NFKD')
    for (const codePoint of (compatibility ??= parseMap(COMPATIBILITY_DECOMPOSITION)).keys()) points.add(codePoint);
  const isComposing = form === 'NFC' || form === 'NFKC';
  const composed = isComposing ? new Set(composites().values()) : new Set<number>();
  for (const codePoint of canonical.keys()) if (!composed.has(codePoint)) points.add(codePoint);
  if (isComposing) for (const pair of composites().keys()) points.add(pair % 0x110000);
  const ranges = [...points].map((codePoint): [number, number] => [codePoint, codePoint + 1]);
  // Hangul: vowels and final consonants compose, syllables decompose.
  ranges.push(isComposing ? [0x1160, 0x1200] : [0xac00, 0xd7a4]);
  return unionOf(ranges).map(([start, end]) => [start, end]);
}
