import type { Tokenizer } from '@pemmican/tokenizer';
import type { AnalyzedRecord } from '../src/analyze.ts';
import type { SplitName, SplitProfile } from '../src/profile.ts';

/** What the profile of splits must say, by the tokenizer's own `encode` and plain sorting: slow, and obviously right. */
export function splitsRecordByRecord(
  splits: readonly { split: SplitName; records: readonly AnalyzedRecord[]; skippedCount: number }[],
  tokenizer: Tokenizer,
  maxLength: number,
): SplitProfile[] {
  const seen = new Set<number>();
  return splits.map(({ split, records, skippedCount }) => {
    const encodings = records.map(({ text, textPair }) =>
      tokenizer.encode(text, { maxLength, ...(textPair === undefined ? {} : { textPair }) }),
    );
    const counts = new Map<number, number>();
    for (const { ids } of encodings) for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    const tokenIds = [...counts.keys()].sort((a, b) => a - b);
    const lengths = encodings.map(({ ids }) => ids.length).sort((a, b) => a - b);
    const added = tokenIds.filter((id) => !seen.has(id));
    for (const id of added) seen.add(id);
    const histogram = Map.groupBy(lengths, (length) => length);
    const at = (share: number): number => lengths[Math.max(0, Math.ceil(share * lengths.length) - 1)] ?? 0;
    return {
      split,
      recordCount: records.length,
      skippedRecordCount: skippedCount,
      tokenCount: lengths.reduce((sum, length) => sum + length, 0),
      distinctTokenCount: tokenIds.length,
      addedTokenCount: added.length,
      truncatedRecordCount: encodings.filter(({ isTruncated }) => isTruncated).length,
      tokensPerRecord: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: lengths.at(-1) ?? 0 },
      recordLengths: [...histogram].map(([length, same]) => [length, same.length]),
      tokenIds,
      counts: tokenIds.map((id) => counts.get(id) ?? 0),
    };
  });
}
