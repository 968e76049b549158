import {
  BERT_CHINESE,
  BERT_REMOVED,
  CANONICAL_DECOMPOSITION,
  COMBINING_CLASS,
  LOWERCASE,
  NONSPACING_MARK,
  PUNCTUATION,
  WHITE_SPACE,
} from './tables.ts';

const CODE_POINT_COUNT = 0x110000;

/** A set of code points as one bit each. */
class CodePointSet {
  readonly #bits = new Uint8Array(CODE_POINT_COUNT / 8);

  /** @param ranges `start,length` pairs in base 36, starts relative to the end of the range before */
  constructor(ranges: string) {
    let position = 0;
    for (const range of ranges.split(';')) {
      const [gap = '0', length = '1'] = range.split(',');
      position += parseInt(gap, 36);
      const end = position + parseInt(length, 36);
      for (; position < end; position++)
        this.#bits[position >> 3] = (this.#bits[position >> 3] ?? 0) | (1 << (position & 7));
    }
  }

  has(codePoint: number): boolean {
    return ((this.#bits[codePoint >> 3] ?? 0) & (1 << (codePoint & 7))) !== 0;
  }
}

/** `key=value` pairs of code points in base 36; values are sequences joined by `.`. */
function parseMap(text: string): Map<number, string> {
  const map = new Map<number, string>();
  let key = 0;
  for (const entry of text.split(';')) {
    const [gap = '0', values = ''] = entry.split('=');
    key += parseInt(gap, 36);
    map.set(
      key,
      values
        .split('.')
        .map((value) => String.fromCodePoint(parseInt(value, 36)))
        .join(''),
    );
  }
  return map;
}

/** White space as the reference library sees it (`char::is_whitespace` of its Unicode version). */
export const whiteSpace: CodePointSet = new CodePointSet(WHITE_SPACE);
export const punctuation: CodePointSet = new CodePointSet(PUNCTUATION);
/** What BertNormalizer's clean_text removes: controls, format characters, unassigned ones, NUL, U+FFFD. */
export const bertRemoved: CodePointSet = new CodePointSet(BERT_REMOVED);
/** What BertNormalizer puts spaces around. */
export const bertChinese: CodePointSet = new CodePointSet(BERT_CHINESE);
export const nonspacingMark: CodePointSet = new CodePointSet(NONSPACING_MARK);

/** Lower case of single characters; no context such as a final sigma. */
export const lowercase: ReadonlyMap<number, string> = parseMap(LOWERCASE);
/** Full canonical decompositions, without Hangul. */
export const canonicalDecomposition: ReadonlyMap<number, string> = parseMap(CANONICAL_DECOMPOSITION);
/** Canonical combining classes above 0. */
export const combiningClass: ReadonlyMap<number, number> = new Map(
  [...parseMap(COMBINING_CLASS)].map(([codePoint, value]) => [codePoint, value.codePointAt(0) ?? 0]),
);
