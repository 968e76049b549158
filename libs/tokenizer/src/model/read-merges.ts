import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import { MAX_MERGE_COUNT } from '../limits.ts';
import { MergeTable } from './merge-table.ts';

/**
 * The `merges` of a BPE model: `"a b"` in older files, `["a", "b"]` in newer ones, best first.
 * @param prefix what the right part of a merge carries and the merged token does not
 */
export function readMerges(component: Component, vocabulary: ReadonlyMap<string, number>, prefix: string): MergeTable {
  const entries = component.list('merges');
  if (entries.length > MAX_MERGE_COUNT)
    throw new TokenizerError(
      'TOO_LARGE',
      `${component.where}.merges has ${entries.length} merges, the limit is ${MAX_MERGE_COUNT}`,
    );
  const fail = (index: number, expected: string): never => {
    const shown = JSON.stringify(entries[index])?.slice(0, 80);
    throw new TokenizerError(
      'INVALID_TOKENIZER',
      `${component.where}.merges[${index}] is ${shown}, expected ${expected}`,
    );
  };
  const table = new MergeTable(entries.length);
  // Only in files of lines: the first one said the version.
  const isText = typeof entries[0] === 'string';
  let rank = 0;
  entries.forEach((entry, index) => {
    if (isText && typeof entry === 'string' && entry.startsWith('#version')) return;
    const parts: unknown = isText && typeof entry === 'string' ? entry.split(' ') : entry;
    const [left, right, more] = Array.isArray(parts) ? (parts as unknown[]) : [];
    if (typeof left !== 'string' || typeof right !== 'string' || more !== undefined) return fail(index, 'two tokens');
    const merged = left + right.slice(prefix.length);
    const [leftId, rightId, mergedId] = [left, right, merged].map((token) => vocabulary.get(token));
    if (leftId === undefined || rightId === undefined || mergedId === undefined)
      return fail(index, `${JSON.stringify(merged)} and its parts in the vocabulary`);
    table.set(leftId, rightId, rank++, mergedId);
  });
  return table;
}
