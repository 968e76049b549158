import type { Component } from '../component.ts';
import { slices } from './pre-tokenizer.ts';

/** What becomes of a delimiter (tokenizers' SplitDelimiterBehavior). */
export const SPLIT_BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number];

export function readBehavior(component: Component, fallback?: SplitBehavior): SplitBehavior {
  const value = component.get('behavior') ?? fallback;
  return SPLIT_BEHAVIORS.find((each) => each === value) ?? component.fail('behavior', SPLIT_BEHAVIORS.join(', '));
}

/** Part of a text: a delimiter, or what is between two. */
interface Part {
  readonly start: number;
  readonly end: number;
  readonly isDelimiter: boolean;
}

/**
 * Splits a text at its delimiters.
 * @param matches starts and ends of the delimiters in UTF-16 units, ascending
 * @param isInverted whether delimiters are what is between the matches
 */
export function splitAt(
  text: string,
  matches: readonly number[],
  behavior: SplitBehavior,
  isInverted = false,
): string[] {
  return slices(text, rangesAt(text, matches, behavior, isInverted));
}

/** {@link splitAt} as starts and ends of the pieces. */
export function rangesAt(
  text: string,
  matches: readonly number[],
  behavior: SplitBehavior,
  isInverted = false,
): number[] {
  const parts = partsOf(text, matches, isInverted);
  const kept = behavior === 'Removed' ? parts.filter((part) => !part.isDelimiter) : merge(parts, behavior);
  // Empty matches leave empty pieces, which nobody sees.
  return kept.flatMap(({ start, end }) => (start < end ? [start, end] : []));
}

function partsOf(text: string, matches: readonly number[], isInverted: boolean): Part[] {
  const parts: Part[] = [];
  let position = 0;
  for (let index = 0; index < matches.length; index += 2) {
    const [start = 0, end = 0] = [matches[index], matches[index + 1]];
    if (position !== start) parts.push({ start: position, end: start, isDelimiter: isInverted });
    parts.push({ start, end, isDelimiter: !isInverted });
    position = end;
  }
  if (position < text.length) parts.push({ start: position, end: text.length, isDelimiter: isInverted });
  return parts;
}

function merge(parts: readonly Part[], behavior: Exclude<SplitBehavior, 'Removed'>): readonly Part[] {
  switch (behavior) {
    case 'Isolated':
      return parts;
    case 'Contiguous':
      return mergeForward(parts, (part, wasDelimiter) => part.isDelimiter === wasDelimiter);
    case 'MergedWithPrevious':
      return mergeForward(parts, (part, wasDelimiter) => part.isDelimiter && !wasDelimiter);
    case 'MergedWithNext': {
      // The same from the other end.
      const mirrored = parts.toReversed().map((part) => ({ ...part, start: -part.end, end: -part.start }));
      const merged = mergeForward(mirrored, (part, wasDelimiter) => part.isDelimiter && !wasDelimiter);
      return merged.toReversed().map((part) => ({ ...part, start: -part.end, end: -part.start }));
    }
  }
}

/** Joins each part to the one before it where `joins` says so, given whether the part before it was a delimiter. */
function mergeForward(parts: readonly Part[], joins: (part: Part, wasDelimiter: boolean) => boolean): Part[] {
  const merged: Part[] = [];
  let wasDelimiter = false;
  for (const part of parts) {
    const last = merged.at(-1);
    if (last !== undefined && joins(part, wasDelimiter)) merged[merged.length - 1] = { ...last, end: part.end };
    else merged.push(part);
    wasDelimiter = part.isDelimiter;
  }
  return merged;
}

/** Matches of single characters: starts and ends in UTF-16 units. */
export function findCharacters(text: string, isMatch: (codePoint: number) => boolean): number[] {
  const matches: number[] = [];
  for (let index = 0; index < text.length;) {
    const codePoint = text.codePointAt(index) ?? 0;
    const end = index + (codePoint > 0xffff ? 2 : 1);
    if (isMatch(codePoint)) matches.push(index, end);
    index = end;
  }
  return matches;
}
