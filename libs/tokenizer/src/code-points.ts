const HAS_SURROGATE = /[\ud800-\udfff]/;

/**
 * Positions of a text in UTF-16 units as positions in Unicode code points, which are what Python counts.
 * @returns a function from units to code points, for positions at which a character begins or ends
 */
export function codePointCounter(text: string): (unit: number) => number {
  if (!HAS_SURROGATE.test(text)) return (unit) => unit;
  const counts = new Uint32Array(text.length + 1);
  let count = 0;
  for (let unit = 0; unit <= text.length; unit++) {
    counts[unit] = count;
    const isFirstHalf = (text.codePointAt(unit) ?? 0) > 0xffff;
    if (!isFirstHalf) count++;
  }
  return (unit) => counts[unit] ?? count;
}

/** A part of a text by positions in code points, as Python's slices take it. */
export function sliceCodePoints(text: string, start: number, end: number): string {
  return HAS_SURROGATE.test(text) ? Array.from(text).slice(start, end).join('') : text.slice(start, end);
}
