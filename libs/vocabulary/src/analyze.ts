import type { Tokenizer } from '@pemmican/tokenizer';
import { VocabularyError } from './error.ts';
import { LengthHistogram } from './length-histogram.ts';
import type { SplitName, SplitProfile, VocabularyProfile } from './profile.ts';
import { selectKeptTokenIds } from './selection.ts';
import { TokenCounter } from './token-counter.ts';
import { TokenIdMap } from './token-id-map.ts';

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

export interface AnalysisOptions {
  readonly pemmicanVersion: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerDigest: string;
  readonly modelVocabSize: number;
  readonly hiddenSize: number;
  readonly maxSequenceLength: number;
  readonly keepTokenIds?: readonly number[];
  readonly padToMultipleOf?: number;
  readonly minCount?: number;
  readonly maxRows?: number;
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
  const profiles: SplitProfile[] = [];
  const progress = { recordCount: 0, tokenCount: 0 };
  for (const split of splits) profiles.push(await countSplit(split, total, progress, options));
  const named = [
    tokenizer.padTokenId,
    tokenizer.unkTokenId,
    tokenizer.maskTokenId,
    tokenizer.clsTokenId,
    tokenizer.sepTokenId,
  ].filter((id) => id !== undefined);
  const selection = selectKeptTokenIds({
    modelVocabSize: options.modelVocabSize,
    counts: total,
    alwaysKept: [...tokenizer.specialTokenIds, ...tokenizer.addedTokenIds, ...named, ...(options.keepTokenIds ?? [])],
    ...(options.padToMultipleOf === undefined ? {} : { padToMultipleOf: options.padToMultipleOf }),
    ...(options.minCount === undefined ? {} : { minCount: options.minCount }),
    ...(options.maxRows === undefined ? {} : { maxRows: options.maxRows }),
  });
  if (selection.droppedTokenCount > 0 && tokenizer.unkTokenId === undefined)
    throw new VocabularyError(
      'INVALID_OPTION',
      `minCount and maxRows drop ${selection.droppedTokenCount} ids, and the tokenizer has no unknown token to map them to`,
    );
  return {
    formatVersion: 1,
    pemmicanVersion: options.pemmicanVersion,
    tokenizerDigest: options.tokenizerDigest,
    fullVocabSize: options.modelVocabSize,
    hiddenSize: options.hiddenSize,
    maxSequenceLength: options.maxSequenceLength,
    splits: profiles,
    keptTokenIds: Array.from(selection.keptTokenIds),
    keptTokenIdsDigest: await TokenIdMap.create(options.modelVocabSize, selection.keptTokenIds).digest(),
    droppedTokenCount: selection.droppedTokenCount,
    droppedOccurrenceCount: selection.droppedOccurrenceCount,
  };
}

async function countSplit(
  split: AnalyzedSplit,
  total: TokenCounter,
  progress: { recordCount: number; tokenCount: number },
  options: AnalysisOptions,
): Promise<SplitProfile> {
  const counter = new TokenCounter(options.tokenizer.vocabSize);
  const distinctBefore = total.distinctCount;
  const lengths = new LengthHistogram();
  let [recordCount, truncatedRecordCount] = [0, 0];
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
    recordCount++;
    progress.recordCount++;
    progress.tokenCount += encoding.ids.length;
    if (recordCount % RECORDS_PER_PROGRESS === 0) {
      await options.onProgress?.({ ...progress, distinctTokenCount: total.distinctCount });
    }
  }
  const entries = [...counter.entries()];
  await options.onProgress?.({ ...progress, distinctTokenCount: total.distinctCount });
  return {
    split: split.split,
    recordCount,
    skippedRecordCount: split.skippedRecordCount(),
    tokenCount: counter.totalCount,
    distinctTokenCount: entries.length,
    addedTokenCount: total.distinctCount - distinctBefore,
    truncatedRecordCount,
    tokensPerRecord: {
      p50: lengths.percentile(0.5),
      p90: lengths.percentile(0.9),
      p99: lengths.percentile(0.99),
      max: lengths.maximum,
    },
    tokenIds: entries.map(([id]) => id),
    counts: entries.map(([, count]) => count),
  };
}
