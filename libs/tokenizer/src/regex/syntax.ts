import { ALL_CODE_POINTS, type CodePointRanges } from '../unicode/code-point-set.ts';

/** A regular expression as a tree. Its alphabet is code points; groups do not capture. */
export type Node =
  | { readonly kind: 'set'; readonly ranges: CodePointRanges }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly options: readonly Node[] }
  | {
      readonly kind: 'repeat';
      readonly item: Node;
      readonly least: number;
      readonly most: number;
      readonly isLazy: boolean;
    }
  | { readonly kind: 'look'; readonly item: Node; readonly isAhead: boolean; readonly isNegative: boolean }
  /** Once matched, never matched in another way. */
  | { readonly kind: 'atomic'; readonly item: Node };

const ANY: Node = { kind: 'set', ranges: ALL_CODE_POINTS };
const LINE_FEED: Node = { kind: 'set', ranges: [[10, 11]] };

export const look = (item: Node, isAhead: boolean, isNegative: boolean): Node => ({
  kind: 'look',
  item,
  isAhead,
  isNegative,
});

/** End of the text. */
export const TEXT_END: Node = look(ANY, true, true);
/** Beginning of the text. */
export const TEXT_START: Node = look(ANY, false, true);
/** End of the text, or the line feed that ends it. */
export const LAST_LINE_END: Node = look(
  {
    kind: 'sequence',
    items: [{ kind: 'repeat', item: LINE_FEED, least: 0, most: 1, isLazy: false }, TEXT_END],
  },
  true,
  false,
);
/** End of any line: Oniguruma's `$` does not need a flag for that. */
export const LINE_END: Node = { kind: 'choice', options: [look(LINE_FEED, true, false), TEXT_END] };
/** Beginning of any line; after the last line feed there is none. */
export const LINE_START: Node = {
  kind: 'choice',
  options: [TEXT_START, { kind: 'sequence', items: [look(LINE_FEED, false, false), look(ANY, true, false)] }],
};

/** Whether a node can match without taking a character. */
export function canBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'look':
      return true;
    case 'sequence':
      return node.items.every(canBeEmpty);
    case 'choice':
      return node.options.some(canBeEmpty);
    case 'repeat':
      return node.least === 0 || canBeEmpty(node.item);
    case 'atomic':
      return canBeEmpty(node.item);
  }
}

/** Every set of a tree. */
export function setsOf(node: Node): CodePointRanges[] {
  switch (node.kind) {
    case 'set':
      return [node.ranges];
    case 'sequence':
      return node.items.flatMap(setsOf);
    case 'choice':
      return node.options.flatMap(setsOf);
    default:
      return setsOf(node.item);
  }
}
