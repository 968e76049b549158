import {
  FastCounter,
  type BlockCount,
  type MemoryAdvice,
  type RecordBlock,
  type Tokenizer,
  type Utf8Check,
} from '@pemmican/tokenizer';
import { LengthHistogram } from './length-histogram.ts';
import type { SplitTally } from './split-sum.ts';

export interface SplitCounterOptions {
  readonly maxSequenceLength: number;
  /** Most bytes that remembered chunks of text take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
  readonly adviseMemory?: MemoryAdvice;
}

/** Counts what a model sees of blocks of records, one split after another. */
export class SplitCounter {
  readonly #counter: FastCounter;
  #lengths = new LengthHistogram();
  #truncatedRecordCount = 0;

  constructor(tokenizer: Tokenizer, options: SplitCounterOptions) {
    const { maxSequenceLength, ...others } = options;
    this.#counter = new FastCounter(tokenizer, { maxLength: maxSequenceLength, ...others });
  }

  /** @throws TokenizerError */
  add(block: RecordBlock): BlockCount {
    const counted = this.#counter.add(block);
    for (const length of counted.recordLengths) this.#lengths.add(length);
    this.#truncatedRecordCount += counted.truncatedRecordCount;
    return counted;
  }

  /** Sets 1 at every id that occurred in any split so far; counters of several threads may mark one array. */
  markSeen(target: Uint8Array): void {
    this.#counter.markSeen(target);
  }

  /** Distinct ids of all splits so far. */
  get distinctTokenCount(): number {
    return this.#counter.distinctTokenCount;
  }

  /** What was counted since the last call. */
  take(): SplitTally {
    const tally = {
      tokenCounts: this.#counter.takeCounts(),
      recordLengths: this.#lengths.entries(),
      truncatedRecordCount: this.#truncatedRecordCount,
    };
    this.#lengths = new LengthHistogram();
    this.#truncatedRecordCount = 0;
    return tally;
  }
}
