import type { Component } from '../component.ts';

/** A step that takes the white space of byte-level tokens out of their places (tokenizers' `process_offsets`). */
export interface OffsetTrim {
  /** Whether a single space that a text begins with may be one that was put there, and stays. */
  readonly addsPrefixSpace: boolean;
}

/** What a post-processor of tokenizer.json does to the places of tokens, step by step. */
export function readOffsetTrims(component: Component): OffsetTrim[] {
  if (component.type === 'Sequence') return component.children('processors').flatMap(readOffsetTrims);
  if (component.type !== 'ByteLevel' && component.type !== 'RobertaProcessing') return [];
  if (!component.flag('trim_offsets', true)) return [];
  return [{ addsPrefixSpace: component.flag('add_prefix_space', true) }];
}

/**
 * The place of a token without its white space.
 * @param isFirst whether it is the first token of its window
 */
export function trimPlace(
  place: readonly [start: number, end: number],
  spaces: { readonly leading: number; readonly trailing: number },
  isFirst: boolean,
  trims: readonly OffsetTrim[],
): [start: number, end: number] {
  let [start, end] = place;
  for (const { addsPrefixSpace } of trims) {
    const isOwnSpace = addsPrefixSpace && spaces.leading === 1 && (isFirst || start === 0);
    if (!isOwnSpace) start = Math.min(start + spaces.leading, end);
    if (end >= spaces.trailing) end = Math.max(end - spaces.trailing, start);
  }
  return [start, end];
}
