import { namedProperty, shorthandClass } from '../../regex/named-classes.ts';
import { numeric } from '../../unicode/character-classes.ts';
import type { CodePointRanges } from '../../unicode/code-point-set.ts';
import type { SplitFamily } from './split-patterns.ts';

export const LETTER = 1;
export const NUMBER = 2;
export const SPACE = 4;
/** Upper and title case, other letters, marks: what o200k takes at the beginning of a word. */
export const UPPER = 8;
/** Lower case, other letters, marks: what o200k takes at the end of a word. */
export const LOWER = 16;
export const SYMBOL = 32;
export const MARK = 64;
/** What deepseek takes for Chinese and Japanese. */
export const IDEOGRAPH = 128;
/** What Digits takes for digits, in the family of digits in the place of UPPER: the numbers of a newer Unicode than the patterns'. */
export const NUMERIC = 8;

let bits: Uint8Array | undefined;

/** By code point: the classes above that it is in, by the reference library's own tables. */
export function characterBits(): Uint8Array {
  if (bits !== undefined) return bits;
  const table = new Uint8Array(0x110000);
  const mark = (ranges: CodePointRanges | undefined, bit: number): void => {
    for (const [start, end] of ranges ?? [])
      for (let codePoint = start; codePoint < end; codePoint++) table[codePoint] = (table[codePoint] ?? 0) | bit;
  };
  mark(namedProperty('L'), LETTER);
  mark(namedProperty('N'), NUMBER);
  mark(shorthandClass('s', false), SPACE);
  for (const name of ['Lu', 'Lt', 'Lm', 'Lo', 'M']) mark(namedProperty(name), UPPER);
  for (const name of ['Ll', 'Lm', 'Lo', 'M']) mark(namedProperty(name), LOWER);
  for (const name of ['P', 'S']) mark(namedProperty(name), SYMBOL);
  mark(namedProperty('M'), MARK);
  mark(
    [
      [0x4e00, 0x9fa6],
      [0x3040, 0x3100],
    ],
    IDEOGRAPH,
  );
  bits = table;
  return table;
}

let digitBits: Uint8Array | undefined;

/** By code point: the classes that the pieces of a family depend on. */
export function splitBits(family: SplitFamily): Uint8Array {
  if (family !== 'gpt2-digits') return characterBits();
  digitBits ??= characterBits().map((bits, codePoint) => (bits & ~UPPER) | (numeric.has(codePoint) ? NUMERIC : 0));
  return digitBits;
}
