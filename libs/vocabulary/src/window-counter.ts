import {
  FastEncoder,
  TokenizerError,
  windowRanges,
  type MemoryAdvice,
  type RecordBlock,
  type Tokenizer,
  type Utf8Check,
} from '@pemmican/tokenizer';
import { LengthHistogram } from './length-histogram.ts';
import type { SplitTally } from './split-sum.ts';

export interface WindowCounterOptions {
  readonly maxSequenceLength: number;
  /** Tokens of a context that a window shares with the one before it. */
  readonly stride: number;
  /** Most bytes that remembered chunks of text take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
  readonly adviseMemory?: MemoryAdvice;
}

/** What a block of questions and contexts held. */
export interface WindowCount {
  /** Tokens of each window, special ones included. */
  readonly recordLengths: readonly number[];
  readonly tokenCount: number;
  /** Records that have no windows, since the question leaves too little room for the context: nothing of them was counted. */
  readonly refused: readonly { readonly recordIndex: number; readonly error: TokenizerError }[];
}

/**
 * Counts what a model sees of questions and their contexts: windows over the context, each with the whole question. A window
 * counts as a record. Tokens are placed nowhere, so that the fast path of the tokenizer serves; the windows are those of
 * `Tokenizer.windows`.
 */
export class WindowCounter {
  readonly #options: WindowCounterOptions;
  readonly #encoder: FastEncoder;
  readonly #specialTokenIds: readonly number[];
  readonly #seen: Uint8Array;
  #counts: Float64Array;
  #lengths = new LengthHistogram();

  constructor(tokenizer: Tokenizer, options: WindowCounterOptions) {
    this.#options = options;
    const { memoBytes, isUtf8, adviseMemory } = options;
    this.#encoder = new FastEncoder(tokenizer, {
      addSpecialTokens: false,
      ...(memoBytes === undefined ? {} : { memoBytes }),
      ...(isUtf8 === undefined ? {} : { isUtf8 }),
      ...(adviseMemory === undefined ? {} : { adviseMemory }),
    });
    this.#specialTokenIds = tokenizer.pairSpecialTokenIds;
    this.#seen = new Uint8Array(tokenizer.vocabSize);
    this.#counts = new Float64Array(tokenizer.vocabSize);
  }

  /**
   * @param block pairs of a question and a context
   * @throws TokenizerError INVALID_UTF8
   */
  add({ bytes, textOffsets }: RecordBlock): WindowCount {
    // Each text by itself: a pair is tokenized as its two texts are.
    const { ids, recordOffsets } = this.#encoder.encode({ bytes, textOffsets });
    const text = (index: number): Uint32Array => ids.subarray(recordOffsets[index], recordOffsets[index + 1]);
    const recordLengths: number[] = [];
    const refused: { recordIndex: number; error: TokenizerError }[] = [];
    for (let recordIndex = 0; 2 * recordIndex < textOffsets.length - 1; recordIndex++) {
      try {
        recordLengths.push(...this.#addPair(text(2 * recordIndex), text(2 * recordIndex + 1)));
      } catch (error) {
        if (!(error instanceof TokenizerError)) throw error;
        refused.push({ recordIndex, error });
      }
    }
    for (const length of recordLengths) this.#lengths.add(length);
    return { recordLengths, tokenCount: recordLengths.reduce((sum, length) => sum + length, 0), refused };
  }

  /** @returns lengths of the windows */
  #addPair(question: Uint32Array, context: Uint32Array): number[] {
    const { maxSequenceLength, stride } = this.#options;
    const around = this.#specialTokenIds.length + question.length;
    const ranges = windowRanges(context.length, maxSequenceLength - around, stride);
    for (const [start, end] of ranges) this.#count(context.subarray(start, end), 1);
    this.#count(question, ranges.length);
    this.#count(this.#specialTokenIds, ranges.length);
    return ranges.map(([start, end]) => around + end - start);
  }

  #count(tokenIds: Iterable<number>, times: number): void {
    for (const id of tokenIds) {
      this.#counts[id] = (this.#counts[id] ?? 0) + times;
      this.#seen[id] = 1;
    }
  }

  /** Sets 1 at every id that occurred in any split so far. */
  markSeen(target: Uint8Array): void {
    this.#seen.forEach((isSeen, id) => {
      if (isSeen === 1) target[id] = 1;
    });
  }

  /** What was counted since the last call. */
  take(): SplitTally {
    const tally = { tokenCounts: this.#counts, recordLengths: this.#lengths.entries(), truncatedRecordCount: 0 };
    this.#counts = new Float64Array(this.#seen.length);
    this.#lengths = new LengthHistogram();
    return tally;
  }
}
