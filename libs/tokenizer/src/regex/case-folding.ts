import { unionOf, type CodePointRanges } from '../unicode/code-point-set.ts';
import type { PatternReader } from './pattern-reader.ts';
import { setsOf, type Node } from './syntax.ts';

// What folds to an ASCII letter besides its other case: the long s and the Kelvin sign.
const FURTHER_FOLDS: Readonly<Record<string, number>> = { s: 0x17f, k: 0x212a };

/** A set of ASCII characters with the other case of its letters. */
export function foldCase(set: CodePointRanges, reader: PatternReader): CodePointRanges {
  const folded: [number, number][] = [];
  for (const [start, end] of set) {
    if (end > 0x80) return reader.refuse('case-insensitive matching of what is not ASCII');
    for (let codePoint = start; codePoint < end; codePoint++) {
      const character = String.fromCharCode(codePoint);
      const lower = character.toLowerCase();
      for (const each of [character, lower, character.toUpperCase()])
        folded.push([each.charCodeAt(0), each.charCodeAt(0) + 1]);
      const further = Object.hasOwn(FURTHER_FOLDS, lower) ? FURTHER_FOLDS[lower] : undefined;
      if (further !== undefined) folded.push([further, further + 1]);
    }
  }
  return unionOf(folded);
}

// Letters that fold together with one after them from a single character, as "ss" from a sharp s.
const FIRST_OF_FOLDS: Readonly<Record<string, string>> = { s: 'st', f: 'fil' };

/** Refuses a case-insensitive sequence that a single character could match by its full case folding. */
export function requireSimpleFolding(items: readonly Node[], reader: PatternReader): void {
  items.forEach((item, index) => {
    for (const [first, seconds] of Object.entries(FIRST_OF_FOLDS)) {
      if (!hasLetter(item, first)) continue;
      const next = items[index + 1];
      const isSimple =
        item.kind === 'set' &&
        (next === undefined || (next.kind === 'set' && ![...seconds].some((second) => hasLetter(next, second))));
      const isAlone = items.length === 1 && item.kind === 'choice';
      if (!isSimple && !isAlone) reader.refuse(`case-insensitive matching of "${first}" before other letters`);
    }
  });
}

function hasLetter(node: Node, letter: string): boolean {
  const codePoint = letter.charCodeAt(0);
  return setsOf(node).some((set) => set.some(([start, end]) => start <= codePoint && codePoint < end));
}
