import { embeddingTrainingBytes, totalCounts, type VocabularyProfile } from '@pemmican/vocabulary';
import type { PublishedModel } from './models.ts';

/** What a tokenizer makes of a data set. */
export interface TokenCounts {
  readonly tokenizer: string;
  readonly dataSet: string;
  readonly recordCount: number;
  readonly tokenCount: number;
  /** Records that were cut to the length. */
  readonly truncatedRecordCount: number;
  /** Ids that occur in any split, special tokens included where the tokenizer adds them: what the paper counts. */
  readonly usedCount: number;
  /** Of these, ids that the training split does not have. */
  readonly validationOnlyCount: number;
  /** Rows that pemmican keeps: the used ones, special and added tokens. */
  readonly keptCount: number;
}

export function countsOf(tokenizer: string, dataSet: string, profile: VocabularyProfile): TokenCounts {
  const sum = (value: (split: VocabularyProfile['splits'][number]) => number): number =>
    profile.splits.reduce((total, split) => total + value(split), 0);
  return {
    tokenizer,
    dataSet,
    recordCount: sum(({ recordCount }) => recordCount),
    tokenCount: sum(({ tokenCount }) => tokenCount),
    truncatedRecordCount: sum(({ truncatedRecordCount }) => truncatedRecordCount),
    usedCount: totalCounts(profile).distinctCount,
    validationOnlyCount: sum(({ split, addedTokenCount }) => (split === 'train' ? 0 : addedTokenCount)),
    keptCount: profile.keptTokenIds.length,
  };
}

/** What it means for a model that has the tokenizer. */
export interface Usage {
  /** Of the rows of the embedding matrix, those that are used. */
  readonly usedShare: number;
  readonly embeddingParameterCount: number;
  readonly keptEmbeddingParameterCount: number;
  /** Weights, gradients and moments of the rows that are not kept, in float32. */
  readonly savedBytes: number;
  /** Of the weights, gradients and moments of the whole model. */
  readonly savedShare: number;
}

export function usageOf(counts: TokenCounts, model: PublishedModel): Usage {
  const { vocabSize, hiddenSize, parameterCount } = model;
  // A tokenizer may have an id or two that the published matrix has no row for; they are in no text.
  const keptRows = Math.min(counts.keptCount, vocabSize);
  const savedBytes = embeddingTrainingBytes(vocabSize - keptRows, hiddenSize);
  return {
    usedShare: counts.usedCount / vocabSize,
    embeddingParameterCount: vocabSize * hiddenSize,
    keptEmbeddingParameterCount: keptRows * hiddenSize,
    savedBytes,
    savedShare: savedBytes / embeddingTrainingBytes(parameterCount, 1),
  };
}
