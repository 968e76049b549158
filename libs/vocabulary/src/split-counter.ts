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
  /** Longest target, where records have one. */
  readonly maxTargetLength?: number;
  /** Most bytes that remembered chunks of text take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
  readonly adviseMemory?: MemoryAdvice;
}

/** Counts what a model sees of blocks of records, one split after another. */
export class SplitCounter {
  readonly #counter: FastCounter;
  /** Adds to the same counts. */
  readonly #targetCounter: FastCounter | undefined;
  #lengths = new LengthHistogram();
  #targetLengths = new LengthHistogram();
  #truncatedRecordCount = 0;

  constructor(tokenizer: Tokenizer, options: SplitCounterOptions) {
    const { maxSequenceLength, maxTargetLength, ...others } = options;
    this.#counter = new FastCounter(tokenizer, { maxLength: maxSequenceLength, ...others });
    this.#targetCounter =
      maxTargetLength === undefined ? undefined : this.#counter.withFrame({ maxLength: maxTargetLength });
  }

  /**
   * @param targets of the block's records, where they have some
   * @returns what was counted of the block; its tokens are those of the targets too
   * @throws TokenizerError
   */
  add(block: RecordBlock, targets?: RecordBlock): BlockCount {
    const counted = this.#counter.add(block);
    for (const length of counted.recordLengths) this.#lengths.add(length);
    this.#truncatedRecordCount += counted.truncatedRecordCount;
    if (targets === undefined) return counted;
    if (this.#targetCounter === undefined) throw new TypeError('Targets need a length that they are cut to');
    const countedTargets = this.#targetCounter.add(targets);
    for (const length of countedTargets.recordLengths) this.#targetLengths.add(length);
    this.#truncatedRecordCount += countedTargets.truncatedRecordCount;
    return { ...counted, tokenCount: counted.tokenCount + countedTargets.tokenCount };
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
      targetLengths: this.#targetLengths.entries(),
      truncatedRecordCount: this.#truncatedRecordCount,
    };
    this.#lengths = new LengthHistogram();
    this.#targetLengths = new LengthHistogram();
    this.#truncatedRecordCount = 0;
    return tally;
  }
}
