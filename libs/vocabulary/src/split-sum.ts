import { LengthHistogram } from './length-histogram.ts';
import type { SplitProfile } from './profile.ts';
import { TokenCounter } from './token-counter.ts';

/** What was counted of a part of a split: plain data, which threads can hand on. */
export interface SplitTally {
  /** Occurrences by full token id, `[vocabSize]`. */
  readonly tokenCounts: Float64Array;
  /** Lengths of records in tokens, each with its number of records. */
  readonly recordLengths: readonly (readonly [length: number, recordCount: number])[];
  /** Of targets, where records have one. */
  readonly targetLengths?: readonly (readonly [length: number, recordCount: number])[];
  readonly truncatedRecordCount: number;
}

/** Counts of one split, added up of its parts: the same sum in whatever order and grouping. */
export class SplitSum {
  readonly counter: TokenCounter;
  readonly lengths = new LengthHistogram();
  readonly targetLengths = new LengthHistogram();
  skippedRecordCount = 0;
  truncatedRecordCount = 0;

  constructor(vocabSize: number) {
    this.counter = new TokenCounter(vocabSize);
  }

  addTally({ tokenCounts, recordLengths, targetLengths, truncatedRecordCount }: SplitTally): void {
    tokenCounts.forEach((count, id) => {
      if (count > 0) this.counter.addTimes(id, count);
    });
    for (const [length, recordCount] of recordLengths) this.lengths.add(length, recordCount);
    for (const [length, recordCount] of targetLengths ?? []) this.targetLengths.add(length, recordCount);
    this.truncatedRecordCount += truncatedRecordCount;
  }

  addProfile(split: SplitProfile): void {
    split.tokenIds.forEach((id, index) => {
      this.counter.addTimes(id, split.counts[index] ?? 0);
    });
    for (const [length, recordCount] of split.recordLengths) this.lengths.add(length, recordCount);
    for (const [length, recordCount] of split.targetLengths ?? []) this.targetLengths.add(length, recordCount);
    this.skippedRecordCount += split.skippedRecordCount;
    this.truncatedRecordCount += split.truncatedRecordCount;
  }
}
