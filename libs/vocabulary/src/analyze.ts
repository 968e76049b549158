import { RecordBlockBuilder, type Tokenizer } from '@pemmican/tokenizer';
import { assembleProfile, type SelectionSettings } from './assemble-profile.ts';
import { VocabularyError } from './error.ts';
import type { SplitName, VocabularyProfile } from './profile.ts';
import { SplitCounter } from './split-counter.ts';
import { SplitSum } from './split-sum.ts';

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
 * @throws VocabularyError; the signal's reason
 */
export async function analyzeVocabulary(
  splits: readonly AnalyzedSplit[],
  options: AnalysisOptions,
): Promise<VocabularyProfile> {
  checkRows(options);
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
 * The profile of counted splits.
 * @throws VocabularyError
 */
export async function profileOf(
  sums: ReadonlyMap<SplitName, SplitSum>,
  options: ProfileOptions,
): Promise<VocabularyProfile> {
  checkRows(options);
  const { tokenizer } = options;
  const named = [
    tokenizer.padTokenId,
    tokenizer.unkTokenId,
    tokenizer.maskTokenId,
    tokenizer.clsTokenId,
    tokenizer.sepTokenId,
  ].filter((id) => id !== undefined);
  const identity = {
    pemmicanVersion: options.pemmicanVersion,
    tokenizerDigest: options.tokenizerDigest,
    fullVocabSize: options.modelVocabSize,
    hiddenSize: options.hiddenSize,
    maxSequenceLength: options.maxSequenceLength,
    ...(options.maxTargetLength === undefined ? {} : { maxTargetLength: options.maxTargetLength }),
    unkTokenId: tokenizer.unkTokenId ?? null,
  };
  return assembleProfile(identity, sums, [...tokenizer.specialTokenIds, ...tokenizer.addedTokenIds, ...named], options);
}

/** Before hours of counting, not after them. */
function checkRows({ tokenizer, modelVocabSize }: ProfileOptions): void {
  if (tokenizer.vocabSize > modelVocabSize)
    throw new VocabularyError(
      'TOKENIZER_TOO_LARGE',
      `The tokenizer has ids up to ${tokenizer.vocabSize - 1}, the model's embedding matrix has ${modelVocabSize} rows`,
    );
}

async function countSplit(
  split: AnalyzedSplit,
  counter: SplitCounter,
  progress: { recordCount: number; tokenCount: number },
  options: AnalysisOptions,
): Promise<SplitSum> {
  const builder = new RecordBlockBuilder();
  const countBlock = async (): Promise<void> => {
    const { recordLengths, tokenCount } = counter.add(builder.take());
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
