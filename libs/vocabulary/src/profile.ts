import { FieldReader } from './field-reader.ts';
import { MAX_VOCAB_SIZE } from './limits.ts';
import { TokenCounter } from './token-counter.ts';

export const SPLITS = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof SPLITS)[number];

/** What one split contributed. Tokens are counted after truncation, special tokens included. */
export interface SplitProfile {
  readonly split: SplitName;
  readonly recordCount: number;
  readonly skippedRecordCount: number;
  readonly tokenCount: number;
  readonly distinctTokenCount: number;
  /** Distinct ids that no earlier split has. */
  readonly addedTokenCount: number;
  readonly truncatedRecordCount: number;
  readonly tokensPerRecord: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** Lengths of records in tokens, ascending, each with its number of records. */
  readonly recordLengths: readonly (readonly [length: number, recordCount: number])[];
  /** The same of targets, where records have one; all other lengths and percentiles are of sources then. */
  readonly targetLengths?: readonly (readonly [length: number, recordCount: number])[];
  /** Full token ids that occur, ascending. */
  readonly tokenIds: readonly number[];
  /** Their counts. */
  readonly counts: readonly number[];
}

/** The vocabulary that a data set uses: what `analyze` writes and `reduce` reads. */
export interface VocabularyProfile {
  readonly formatVersion: 1;
  readonly pemmicanVersion: string;
  /** SHA-256 of the tokenizer file. */
  readonly tokenizerDigest: string;
  readonly fullVocabSize: number;
  readonly hiddenSize: number;
  readonly maxSequenceLength: number;
  /** Longest target, where records have one. */
  readonly maxTargetLength?: number;
  /** Full id of the unknown token; null where the tokenizer has none. */
  readonly unkTokenId: number | null;
  readonly splits: readonly SplitProfile[];
  /** Ascending full token ids that are kept whether they occur or not: special and added tokens, those the user named. */
  readonly alwaysKeptTokenIds: readonly number[];
  /** Ascending full token ids. */
  readonly keptTokenIds: readonly number[];
  readonly keptTokenIdsDigest: string;
  readonly droppedTokenCount: number;
  readonly droppedOccurrenceCount: number;
}

/**
 * Checks parsed JSON.
 * @throws VocabularyError INVALID_PROFILE that names the file and the field
 */
export function parseProfile(json: unknown, fileName: string): VocabularyProfile {
  const reader = new FieldReader(json, fileName, 'INVALID_PROFILE');
  if (reader.get('formatVersion') !== 1) reader.fail('formatVersion', '1');
  const fullVocabSize = reader.count('fullVocabSize', 1, MAX_VOCAB_SIZE);
  const keptTokenIds = reader.ascending('keptTokenIds', fullVocabSize - 1);
  if (keptTokenIds.length === 0) reader.fail('keptTokenIds', 'at least one id');
  const splits = reader
    .list('splits')
    .map((entry, index) => parseSplit(entry, `${fileName}: splits[${index}]`, fullVocabSize));
  const repeated = splits.find(({ split }, index) => splits.findIndex((other) => other.split === split) !== index);
  if (repeated !== undefined) reader.fail('splits', `one "${repeated.split}", not two`);
  return {
    formatVersion: 1,
    pemmicanVersion: reader.text('pemmicanVersion'),
    tokenizerDigest: reader.text('tokenizerDigest'),
    fullVocabSize,
    hiddenSize: reader.count('hiddenSize', 1),
    maxSequenceLength: reader.count('maxSequenceLength', 1),
    ...(reader.get('maxTargetLength') === undefined ? {} : { maxTargetLength: reader.count('maxTargetLength', 1) }),
    unkTokenId: reader.countOrNull('unkTokenId', fullVocabSize - 1),
    splits,
    alwaysKeptTokenIds: reader.ascending('alwaysKeptTokenIds', fullVocabSize - 1),
    keptTokenIds,
    keptTokenIdsDigest: reader.digest('keptTokenIdsDigest'),
    droppedTokenCount: reader.count('droppedTokenCount'),
    droppedOccurrenceCount: reader.count('droppedOccurrenceCount'),
  };
}

function parseSplit(json: unknown, name: string, fullVocabSize: number): SplitProfile {
  const reader = new FieldReader(json, name, 'INVALID_PROFILE');
  const split =
    SPLITS.find((candidate) => candidate === reader.get('split')) ??
    reader.fail('split', `one of ${SPLITS.join(', ')}`);
  const lengths = new FieldReader(reader.get('tokensPerRecord'), `${name}: tokensPerRecord`, 'INVALID_PROFILE');
  const tokenIds = reader.ascending('tokenIds', fullVocabSize - 1);
  const counts = reader.counts('counts', 1);
  if (counts.length !== tokenIds.length) reader.fail('counts', `${tokenIds.length} of them, as many as tokenIds`);
  const tokenCount = counts.reduce((sum, count) => sum + count, 0);
  if (reader.get('tokenCount') !== tokenCount) reader.fail('tokenCount', `${tokenCount}, the sum of counts`);
  if (reader.get('distinctTokenCount') !== tokenIds.length)
    reader.fail('distinctTokenCount', `${tokenIds.length}, the number of tokenIds`);
  const recordLengths = reader.pairs('recordLengths');
  const recordCount = recordLengths.reduce((sum, [, count]) => sum + count, 0);
  if (reader.get('recordCount') !== recordCount) reader.fail('recordCount', `${recordCount}, the sum of recordLengths`);
  const targetLengths = reader.get('targetLengths') === undefined ? [] : reader.pairs('targetLengths');
  const lengthSum = [...recordLengths, ...targetLengths].reduce((sum, [length, count]) => sum + length * count, 0);
  if (lengthSum !== tokenCount) reader.fail('recordLengths', `lengths with the sum ${tokenCount}, which is tokenCount`);
  return {
    split,
    recordCount,
    skippedRecordCount: reader.count('skippedRecordCount'),
    tokenCount,
    distinctTokenCount: tokenIds.length,
    addedTokenCount: reader.count('addedTokenCount'),
    truncatedRecordCount: reader.count('truncatedRecordCount'),
    tokensPerRecord: {
      p50: lengths.count('p50'),
      p90: lengths.count('p90'),
      p99: lengths.count('p99'),
      max: lengths.count('max'),
    },
    recordLengths,
    ...(targetLengths.length === 0 ? {} : { targetLengths }),
    tokenIds,
    counts,
  };
}

/** Counts over all splits of a profile. */
export function totalCounts(profile: VocabularyProfile): TokenCounter {
  const counter = new TokenCounter(profile.fullVocabSize);
  for (const { tokenIds, counts } of profile.splits) {
    tokenIds.forEach((id, index) => {
      counter.addTimes(id, counts[index] ?? 0);
    });
  }
  return counter;
}
