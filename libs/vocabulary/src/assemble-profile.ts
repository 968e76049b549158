import { VocabularyError } from './error.ts';
import { SPLITS, type SplitName, type SplitProfile, type VocabularyProfile } from './profile.ts';
import { selectKeptTokenIds } from './selection.ts';
import type { SplitSum } from './split-sum.ts';
import { TokenCounter } from './token-counter.ts';
import { TokenIdMap } from './token-id-map.ts';

/** How rows are selected from counts. */
export interface SelectionSettings {
  /** Full token ids that are kept whether they occur or not, beside those of the tokenizer. */
  readonly keepTokenIds?: readonly number[];
  /** The number of rows becomes a multiple of this. */
  readonly padToMultipleOf?: number;
  /** Ids that occur fewer times are dropped. Lossy. */
  readonly minCount?: number;
  /** At most this many rows before padding. Lossy. */
  readonly maxRows?: number;
}

/** What a profile says of model and tokenizer. */
export type ProfileIdentity = Pick<
  VocabularyProfile,
  | 'pemmicanVersion'
  | 'tokenizerDigest'
  | 'fullVocabSize'
  | 'hiddenSize'
  | 'maxSequenceLength'
  | 'maxTargetLength'
  | 'unkTokenId'
>;

/**
 * Selects the rows that counts ask for and writes everything down.
 * @param tokenizerKeptIds special and added tokens, and those that the tokenizer's config names
 * @throws VocabularyError TOKENIZER_TOO_LARGE, INVALID_OPTION
 */
export async function assembleProfile(
  identity: ProfileIdentity,
  sums: ReadonlyMap<SplitName, SplitSum>,
  tokenizerKeptIds: Iterable<number>,
  settings: SelectionSettings,
): Promise<VocabularyProfile> {
  const total = new TokenCounter(identity.fullVocabSize);
  const splits = [...sums]
    .sort(([a], [b]) => SPLITS.indexOf(a) - SPLITS.indexOf(b))
    .map(([split, sum]) => toSplitProfile(split, sum, total));
  const alwaysKept = new Set([...tokenizerKeptIds, ...(settings.keepTokenIds ?? [])]);
  const { padToMultipleOf, minCount, maxRows } = settings;
  const selection = selectKeptTokenIds({
    modelVocabSize: identity.fullVocabSize,
    counts: total,
    alwaysKept,
    ...(padToMultipleOf === undefined ? {} : { padToMultipleOf }),
    ...(minCount === undefined ? {} : { minCount }),
    ...(maxRows === undefined ? {} : { maxRows }),
  });
  if (selection.droppedTokenCount > 0 && identity.unkTokenId === null)
    throw new VocabularyError(
      'INVALID_OPTION',
      `minCount and maxRows drop ${selection.droppedTokenCount} ids, and the tokenizer has no unknown token to map them to`,
    );
  return {
    formatVersion: 1,
    ...identity,
    splits,
    alwaysKeptTokenIds: [...alwaysKept].sort((a, b) => a - b),
    keptTokenIds: Array.from(selection.keptTokenIds),
    keptTokenIdsDigest: await TokenIdMap.create(identity.fullVocabSize, selection.keptTokenIds).digest(),
    droppedTokenCount: selection.droppedTokenCount,
    droppedOccurrenceCount: selection.droppedOccurrenceCount,
  };
}

/** @param total counts of earlier splits, to which this one's are added */
function toSplitProfile(split: SplitName, sum: SplitSum, total: TokenCounter): SplitProfile {
  const { counter, lengths, targetLengths, skippedRecordCount, truncatedRecordCount } = sum;
  const distinctBefore = total.distinctCount;
  total.merge(counter);
  const entries = [...counter.entries()];
  return {
    split,
    recordCount: lengths.recordCount,
    skippedRecordCount,
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
    recordLengths: lengths.entries(),
    ...(targetLengths.recordCount === 0 ? {} : { targetLengths: targetLengths.entries() }),
    tokenIds: entries.map(([id]) => id),
    counts: entries.map(([, count]) => count),
  };
}
