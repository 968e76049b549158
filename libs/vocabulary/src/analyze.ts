import type { Tokenizer } from '@pemmican/tokenizer';
import { assembleProfile, type SelectionSettings, type SplitCounts } from './assemble-profile.ts';
import { VocabularyError } from './error.ts';
import { LengthHistogram } from './length-histogram.ts';
import type { SplitName, VocabularyProfile } from './profile.ts';
import { TokenCounter } from './token-counter.ts';

/** A record as a model sees it. */
export interface AnalyzedRecord {
  readonly text: string;
  readonly textPair?: string;
}

export interface AnalyzedSplit {
  readonly split: SplitName;
  readonly records: AsyncIterable<AnalyzedRecord>;
  /** Records left out so far; asked for at the end. */
  skippedRecordCount(): number;
}

export interface AnalysisOptions extends SelectionSettings {
  readonly pemmicanVersion: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerDigest: string;
  readonly modelVocabSize: number;
  readonly hiddenSize: number;
  readonly maxSequenceLength: number;
  /** Called now and then with what was counted so far. */
  readonly onProgress?: (progress: AnalysisProgress) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface AnalysisProgress {
  readonly recordCount: number;
  readonly tokenCount: number;
  readonly distinctTokenCount: number;
}

// Records between two progress calls: often enough to be smooth, seldom enough to cost nothing.
const RECORDS_PER_PROGRESS = 512;

/**
 * Counts what a model will see: token ids after truncation, special tokens included, over every split that a run reads;
 * then selects the rows to keep.
 * @throws VocabularyError; the signal's reason
 */
export async function analyzeVocabulary(
  splits: readonly AnalyzedSplit[],
  options: AnalysisOptions,
): Promise<VocabularyProfile> {
  const { tokenizer } = options;
  // Before hours of counting, not after them.
  if (tokenizer.vocabSize > options.modelVocabSize)
    throw new VocabularyError(
      'TOKENIZER_TOO_LARGE',
      `The tokenizer has ids up to ${tokenizer.vocabSize - 1}, the model's embedding matrix has ${options.modelVocabSize} rows`,
    );
  const total = new TokenCounter(tokenizer.vocabSize);
  const counted: SplitCounts[] = [];
  const progress = { recordCount: 0, tokenCount: 0 };
  for (const split of splits) counted.push(await countSplit(split, total, progress, options));
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
    unkTokenId: tokenizer.unkTokenId ?? null,
  };
  return assembleProfile(
    identity,
    counted,
    [...tokenizer.specialTokenIds, ...tokenizer.addedTokenIds, ...named],
    options,
  );
}

async function countSplit(
  split: AnalyzedSplit,
  total: TokenCounter,
  progress: { recordCount: number; tokenCount: number },
  options: AnalysisOptions,
): Promise<SplitCounts> {
  const counter = new TokenCounter(options.tokenizer.vocabSize);
  const lengths = new LengthHistogram();
  let truncatedRecordCount = 0;
  options.signal?.throwIfAborted();
  for await (const { text, textPair } of split.records) {
    options.signal?.throwIfAborted();
    const encoding = options.tokenizer.encode(text, {
      maxLength: options.maxSequenceLength,
      ...(textPair === undefined ? {} : { textPair }),
    });
    counter.add(encoding.ids);
    total.add(encoding.ids);
    lengths.add(encoding.ids.length);
    if (encoding.isTruncated) truncatedRecordCount++;
    progress.recordCount++;
    progress.tokenCount += encoding.ids.length;
    if (lengths.recordCount % RECORDS_PER_PROGRESS === 0) {
      await options.onProgress?.({ ...progress, distinctTokenCount: total.distinctCount });
    }
  }
  await options.onProgress?.({ ...progress, distinctTokenCount: total.distinctCount });
  return {
    split: split.split,
    counter,
    lengths,
    skippedRecordCount: split.skippedRecordCount(),
    truncatedRecordCount,
  };
}
