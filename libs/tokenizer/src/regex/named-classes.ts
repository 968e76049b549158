import { parseRanges, unionOf, type CodePointRanges } from '../unicode/code-point-set.ts';
import * as tables from '../unicode/regex-tables.ts';

const TABLES: Readonly<Record<string, string>> = tables;
const CATEGORIES = 'LU LL LT LM LO MN MC ME ND NL NO PC PD PS PE PI PF PO SM SC SK SO ZS ZL ZP CC CF CO'.split(' ');

/** Names of properties that `\p{...}` may have here, for messages. */
export const PROPERTY_NAMES: readonly string[] = [
  'L',
  'M',
  'N',
  'P',
  'S',
  'Z',
  ...CATEGORIES.map((name) => `${name.charAt(0)}${name.charAt(1).toLowerCase()}`),
  ...Object.keys(TABLES)
    .filter((key) => key.startsWith('SCRIPT_'))
    .map((key) => `${key.charAt(7)}${key.slice(8).toLowerCase()}`),
];

const known = new Map<string, CodePointRanges>();

function table(key: string): CodePointRanges {
  let ranges = known.get(key);
  if (ranges === undefined) known.set(key, (ranges = parseRanges(TABLES[key] ?? '')));
  return ranges;
}

/** A property by the name in `\p{name}`; undefined where its table is not here. Upper and lower case are the same. */
export function namedProperty(name: string): CodePointRanges | undefined {
  const key = name.toUpperCase();
  if (/^[LMNPSZ]$/.test(key))
    return unionOf(...CATEGORIES.filter((each) => each.startsWith(key)).map((each) => table(`CATEGORY_${each}`)));
  if (CATEGORIES.includes(key)) return table(`CATEGORY_${key}`);
  return Object.hasOwn(TABLES, `SCRIPT_${key}`) ? table(`SCRIPT_${key}`) : undefined;
}

/**
 * `\s`, `\w`, `\d` and `\h` (hexadecimal digit) as Oniguruma has them; undefined for other letters. Its `\w` is another set
 * in brackets: it has no fractions and superscripts of Latin-1 there.
 */
export function shorthandClass(letter: string, isInBrackets: boolean): CodePointRanges | undefined {
  switch (letter) {
    case 's':
      return table('REGEX_SPACE');
    case 'w':
      return table(isInBrackets ? 'REGEX_WORD_IN_BRACKETS' : 'REGEX_WORD');
    case 'd':
      return table('CATEGORY_ND');
    case 'h':
      return parseRanges('1c,a;7,6;q,6');
    default:
      return undefined;
  }
}
