import { complementOf, type CodePointRanges } from '../unicode/code-point-set.ts';
import { foldCase, requireSimpleFolding } from './case-folding.ts';
import { PatternReader } from './pattern-reader.ts';
import { parseClass } from './parse-class.ts';
import { parseEscapedSet } from './parse-escape.ts';
import { canBeEmpty, LAST_LINE_END, LINE_END, LINE_START, look, TEXT_END, TEXT_START, type Node } from './syntax.ts';
import { shorthandClass } from './named-classes.ts';

const NO_LINE_FEED: CodePointRanges = complementOf([[10, 11]]);
// Groups within groups; a published pattern has three.
const MAX_DEPTH = 100;

/**
 * Reads the part of Oniguruma's syntax (Ruby's) whose meaning is known to be the same here.
 * @throws UnsupportedPattern for every other construct
 */
export function parsePattern(pattern: string): Node {
  const reader = new PatternReader(pattern);
  const node = parseChoice(reader, false, 0);
  if (!reader.isAtEnd) return reader.refuse('")" without "("');
  return node;
}

function parseChoice(reader: PatternReader, ignoresCase: boolean, depth: number): Node {
  if (depth > MAX_DEPTH) return reader.refuse(`groups that are more than ${MAX_DEPTH} deep`);
  const options = [parseSequence(reader, ignoresCase, depth)];
  while (reader.take('|')) options.push(parseSequence(reader, ignoresCase, depth));
  return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
}

function parseSequence(reader: PatternReader, ignoresCase: boolean, depth: number): Node {
  const items: Node[] = [];
  while (!reader.isAtEnd && !reader.sees('|') && !reader.sees(')')) {
    // From here to the end of the group, alternatives included.
    if (reader.take('(?i)')) {
      items.push(parseChoice(reader, true, depth + 1));
      break;
    }
    items.push(parseQuantifiers(reader, parseAtom(reader, ignoresCase, depth)));
  }
  if (ignoresCase) requireSimpleFolding(items, reader);
  return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'sequence', items };
}

function parseAtom(reader: PatternReader, ignoresCase: boolean, depth: number): Node {
  const set = (ranges: CodePointRanges): Node => ({
    kind: 'set',
    ranges: ignoresCase ? foldCase(ranges, reader) : ranges,
  });
  if (reader.take('(')) return parseGroup(reader, ignoresCase, depth + 1);
  if (reader.take('[')) return set(parseClass(reader));
  if (reader.take('.')) return { kind: 'set', ranges: NO_LINE_FEED };
  if (reader.take('^')) return LINE_START;
  if (reader.take('$')) return LINE_END;
  if (/^[*+?]/.test(reader.rest)) return reader.refuse('a quantifier without what it repeats');
  if (reader.take('\\')) return parseAnchor(reader) ?? set(parseEscapedSet(reader, false));
  const codePoint = reader.next();
  return set([[codePoint, codePoint + 1]]);
}

function parseAnchor(reader: PatternReader): Node | undefined {
  if (reader.take('A')) return TEXT_START;
  if (reader.take('z')) return TEXT_END;
  if (reader.take('Z')) return LAST_LINE_END;
  const isBoundary = reader.take('b');
  if (!isBoundary && !reader.take('B')) return undefined;
  const word: Node = { kind: 'set', ranges: shorthandClass('w', false) ?? [] };
  // A word character on one side and none on the other, or the same on both.
  const sides = (before: boolean, after: boolean): Node => ({
    kind: 'sequence',
    items: [look(word, false, !before), look(word, true, !after)],
  });
  return { kind: 'choice', options: [sides(true, !isBoundary), sides(false, isBoundary)] };
}

function parseGroup(reader: PatternReader, ignoresCase: boolean, depth: number): Node {
  const close = (node: Node): Node => (reader.take(')') ? node : reader.refuse('"(" without ")"'));
  const inner = (isFolding = ignoresCase): Node => parseChoice(reader, isFolding, depth);
  if (reader.take('?:')) return close(inner());
  if (reader.take('?i:')) return close(inner(true));
  if (reader.take('?-i:')) return close(inner(false));
  if (reader.take('?>')) return close({ kind: 'atomic', item: inner() });
  if (reader.take('?=')) return close(look(inner(), true, false));
  if (reader.take('?!')) return close(look(inner(), true, true));
  if (reader.take('?<=')) return close(look(inner(), false, false));
  if (reader.take('?<!')) return close(look(inner(), false, true));
  // References to groups are refused, so that names and numbers do not matter.
  if (reader.takeMatch(/^\?<[A-Za-z_]\w*>/) !== undefined) return close(inner());
  if (reader.sees('?')) return reader.refuse(`the group "(${reader.rest.slice(0, 3)}"`);
  return close(inner());
}

function parseQuantifiers(reader: PatternReader, atom: Node): Node {
  let node = atom;
  for (;;) {
    const bounds = parseBounds(reader);
    if (bounds === undefined) return node;
    if (node.kind === 'look') return reader.refuse('a quantifier of an assertion');
    // Engines stop at different points of a loop that takes nothing.
    if (bounds.most === Infinity && canBeEmpty(node)) return reader.refuse('an endless loop of what can be empty');
    const isLazy = reader.take('?');
    const isPossessive = !isLazy && !bounds.isInterval && reader.take('+');
    if (bounds.isInterval && isLazy && bounds.least === bounds.most) return reader.refuse('"{n}?"');
    node = { kind: 'repeat', item: node, least: bounds.least, most: bounds.most, isLazy };
    if (isPossessive) node = { kind: 'atomic', item: node };
  }
}

function parseBounds(reader: PatternReader): { least: number; most: number; isInterval: boolean } | undefined {
  if (reader.take('*')) return { least: 0, most: Infinity, isInterval: false };
  if (reader.take('+')) return { least: 1, most: Infinity, isInterval: false };
  if (reader.take('?')) return { least: 0, most: 1, isInterval: false };
  // Anything else that begins with a brace is the brace itself.
  const interval = reader.takeMatch(/^\{(?:(\d+)(,?)(\d*)|,(\d+))\}/);
  if (interval === undefined) return undefined;
  const [, low, comma, high, highOnly] = interval;
  const least = Number(low ?? 0);
  const most = Number(highOnly ?? (high === '' ? (comma === '' ? least : Infinity) : high));
  if (least > most || least > 1000 || (most > 1000 && most !== Infinity))
    return reader.refuse(`the interval ${interval[0]}`);
  return { least, most, isInterval: true };
}
