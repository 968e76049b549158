/** Ranges of code points, ascending and apart: `[first, last + 1]`. */
export type CodePointRanges = readonly (readonly [start: number, end: number])[];

const CODE_POINT_COUNT = 0x110000;

/** Every code point. */
export const ALL_CODE_POINTS: CodePointRanges = [[0, CODE_POINT_COUNT]];

/** @param table `gap,length` pairs in base 36; a gap counts from the end of the range before */
export function parseRanges(table: string): CodePointRanges {
  let position = 0;
  return table.split(';').map((range) => {
    const [gap = '0', length = '1'] = range.split(',');
    const start = position + parseInt(gap, 36);
    position = start + parseInt(length, 36);
    return [start, position];
  });
}

export function unionOf(...sets: readonly CodePointRanges[]): CodePointRanges {
  const union: [number, number][] = [];
  for (const [start, end] of sets.flat().sort(([a], [b]) => a - b)) {
    const last = union.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else union.push([start, end]);
  }
  return union;
}

export function complementOf(set: CodePointRanges): CodePointRanges {
  const complement: [number, number][] = [];
  let position = 0;
  for (const [start, end] of set) {
    if (position < start) complement.push([position, start]);
    position = end;
  }
  return position < CODE_POINT_COUNT ? [...complement, [position, CODE_POINT_COUNT]] : complement;
}

/** A set of code points as one bit each. */
export class CodePointSet {
  readonly #bits = new Uint8Array(CODE_POINT_COUNT / 8);

  constructor(ranges: CodePointRanges) {
    for (const [start, end] of ranges) for (let codePoint = start; codePoint < end; codePoint++) this.#add(codePoint);
  }

  has(codePoint: number): boolean {
    return ((this.#bits[codePoint >> 3] ?? 0) & (1 << (codePoint & 7))) !== 0;
  }

  #add(codePoint: number): void {
    this.#bits[codePoint >> 3] = (this.#bits[codePoint >> 3] ?? 0) | (1 << (codePoint & 7));
  }
}

/** @param table `gap=values` pairs of code points in base 36; values are sequences joined by `.` */
export function parseMap(table: string): Map<number, string> {
  const map = new Map<number, string>();
  let key = 0;
  for (const entry of table.split(';')) {
    const [gap = '0', values = ''] = entry.split('=');
    key += parseInt(gap, 36);
    map.set(key, String.fromCodePoint(...values.split('.').map((value) => parseInt(value, 36))));
  }
  return map;
}
