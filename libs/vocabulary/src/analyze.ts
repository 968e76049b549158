import { FastEncoder, RecordBlockBuilder, type RecordBlock, type Tokenizer } from '@pemmican/tokenizer';
import { assembleProfile, type SelectionSettings } from './assemble-profile.ts';
import type { SplitName, VocabularyProfile } from './profile.ts';
import { VocabularyError } from './error.ts';
import { SplitCounter } from './split-counter.ts';
import { SplitSum } from './split-sum.ts';
import { describeTokenWithoutRow, findTokenWithoutRow } from './token-without-row.ts';

/** A record as a model sees it. */
export interface AnalyzedRecord {
  readonly text: string;
  readonly textPair?: string;
  /** In place of the texts: all records of a split have words, or none has. */
  readonly words?: readonly string[];
}

export interface AnalyzedSplit {
  readonly split: SplitName;
  readonly records: AsyncIterable<AnalyzedRecord>;
  /** Records left out so far; asked for at the end. */
  skippedRecordCount(): number;
}

/** The model that is counted for, and how rows are selected. */
export interface ProfileOptions extends SelectionSettings {
  readonly pemmicanVersion: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerDigest: string;
  readonly modelVocabSize: number;
  readonly hiddenSize: number;
  readonly maxSequenceLength: number;
  /** Longest target, where records have one. */
  readonly maxTargetLength?: number;
}

export interface AnalysisOptions extends ProfileOptions {
  /** Most bytes that remembered chunks of text take; results are the same with any. */
  readonly memoBytes?: number;
  /** Called now and then with what was counted so far. */
  readonly onProgress?: (progress: AnalysisProgress) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface AnalysisProgress {
  readonly recordCount: number;
  readonly tokenCount: number;
  readonly distinctTokenCount: number;
}

// Counted at a time: some 20 ms, after which progress is told and the event loop has its turn.
const BLOCK_BYTES = 1024 * 1024;
const BLOCK_RECORDS = 8192;

/**
 * Counts what a model will see: token ids after truncation, special tokens included, over every split that a run reads;
 * then selects the rows to keep. One thread; callers with more of them count by {@link SplitCounter}s of their own, add
 * the tallies up in {@link SplitSum}s and call {@link profileOf}.
 * @throws VocabularyError, TOKENIZER_TOO_LARGE with the first record that has a token without a row; the signal's reason
 */
export async function analyzeVocabulary(
  splits: readonly AnalyzedSplit[],
  options: AnalysisOptions,
): Promise<VocabularyProfile> {
  const { tokenizer, maxSequenceLength, memoBytes } = options;
  const counter = new SplitCounter(tokenizer, {
    maxSequenceLength,
    ...(memoBytes === undefined ? {} : { memoBytes }),
  });
  const progress = { recordCount: 0, tokenCount: 0 };
  const sums = new Map<SplitName, SplitSum>();
  for (const split of splits) sums.set(split.split, await countSplit(split, counter, progress, options));
  return profileOf(sums, options);
}

/**
 * The profile of counted splits. Tokens of the tokenizer that the matrix has no row for are not kept.
 * @throws VocabularyError; TOKENIZER_TOO_LARGE when such a token occurs
 */
export async function profileOf(
  sums: ReadonlyMap<SplitName, SplitSum>,
  options: ProfileOptions,
): Promise<VocabularyProfile> {
  const { tokenizer, modelVocabSize } = options;
  for (const [split, { counter }] of sums)
    for (const [fullTokenId] of counter.entries())
      if (fullTokenId >= modelVocabSize)
        throw new VocabularyError(
          'TOKENIZER_TOO_LARGE',
          `${split}: ${describeTokenWithoutRow(tokenizer, fullTokenId, modelVocabSize)}`,
        );
  const hasRow = (fullTokenId: number): boolean => fullTokenId < modelVocabSize;
  const { unkTokenId } = tokenizer;
  const named = [
    tokenizer.padTokenId,
    unkTokenId,
    tokenizer.maskTokenId,
    tokenizer.clsTokenId,
    tokenizer.sepTokenId,
  ].filter((id) => id !== undefined);
  const identity = {
    pemmicanVersion: options.pemmicanVersion,
    tokenizerDigest: options.tokenizerDigest,
    fullVocabSize: modelVocabSize,
    hiddenSize: options.hiddenSize,
    maxSequenceLength: options.maxSequenceLength,
    ...(options.maxTargetLength === undefined ? {} : { maxTargetLength: options.maxTargetLength }),
    unkTokenId: unkTokenId !== undefined && hasRow(unkTokenId) ? unkTokenId : null,
  };
  const ofTokenizer = [...tokenizer.specialTokenIds, ...tokenizer.addedTokenIds, ...named].filter(hasRow);
  return assembleProfile(identity, sums, ofTokenizer, options);
}

/** Told of each block that was counted: throws where one of its records has an id without a row. */
class RowCheck {
  readonly #options: AnalysisOptions;
  readonly #isSeen: Uint8Array;
  #encoder: FastEncoder | undefined;

  constructor(options: AnalysisOptions) {
    this.#options = options;
    this.#isSeen = new Uint8Array(options.tokenizer.vocabSize);
  }

  /** @param firstRecord number of the block's first record in its split, from 1 */
  check(counter: SplitCounter, block: RecordBlock, split: SplitName, firstRecord: number): void {
    const { tokenizer, modelVocabSize, maxSequenceLength, memoBytes } = this.#options;
    if (tokenizer.vocabSize <= modelVocabSize) return;
    counter.markSeen(this.#isSeen);
    if (!this.#isSeen.subarray(modelVocabSize).includes(1)) return;
    this.#encoder ??= new FastEncoder(tokenizer, {
      maxLength: maxSequenceLength,
      ...(memoBytes === undefined ? {} : { memoBytes }),
    });
    const found = findTokenWithoutRow(this.#encoder, block, modelVocabSize);
    if (found === undefined) return;
    throw new VocabularyError(
      'TOKENIZER_TOO_LARGE',
      `${split}, record ${firstRecord + found.recordIndex}: ${describeTokenWithoutRow(tokenizer, found.fullTokenId, modelVocabSize)}`,
    );
  }
}

async function countSplit(
  split: AnalyzedSplit,
  counter: SplitCounter,
  progress: { recordCount: number; tokenCount: number },
  options: AnalysisOptions,
): Promise<SplitSum> {
  const builder = new RecordBlockBuilder();
  const rowCheck = new RowCheck(options);
  let splitRecordCount = 0;
  const countBlock = async (): Promise<void> => {
    const block = builder.take();
    const { recordLengths, tokenCount } = counter.add(block);
    rowCheck.check(counter, block, split.split, splitRecordCount + 1);
    splitRecordCount += recordLengths.length;
    progress.recordCount += recordLengths.length;
    progress.tokenCount += tokenCount;
    await options.onProgress?.({ ...progress, distinctTokenCount: counter.distinctTokenCount });
    // Awaiting what is there already gives timers and signals no turn.
    await new Promise((resolve) => setTimeout(resolve));
    options.signal?.throwIfAborted();
  };
  options.signal?.throwIfAborted();
  for await (const { text, textPair, words } of split.records) {
    options.signal?.throwIfAborted();
    if (words === undefined) builder.add(text, textPair);
    else builder.addWords(words);
    if (builder.byteCount >= BLOCK_BYTES || builder.recordCount >= BLOCK_RECORDS) await countBlock();
  }
  if (builder.recordCount > 0) await countBlock();
  const sum = new SplitSum(options.tokenizer.vocabSize);
  sum.addTally(counter.take());
  sum.skippedRecordCount = split.skippedRecordCount();
  return sum;
}
