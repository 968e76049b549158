import { status as grpcStatus } from '@grpc/grpc-js';
import type { ReduceSpec } from '@pemmican/contract/surgery';
import { tokenizerDigest } from '@pemmican/embedding';
import { RpcError, invalidArgument } from '@pemmican/rpc';
import type { FolderReader } from '@pemmican/safetensors';
import { artifactName, readJsonFile } from '@pemmican/storage';
import {
  TokenCounter,
  TokenIdMap,
  parseProfile,
  selectKeptTokenIds,
  totalCounts,
  type VocabularyProfile,
} from '@pemmican/vocabulary';

// A profile of a million ids in three splits has about 60 MB.
const MAX_PROFILE_BYTES = 500_000_000;

/** The rows to keep. */
export interface KeptTokens {
  readonly tokenIdMap: TokenIdMap;
  /** Every token of every record that was counted has a row: none was cut off or dropped. */
  readonly coversWholeRecords: boolean;
}

/**
 * The rows that a spec asks to keep, padded.
 * @param fullVocabSize rows of the source's embedding matrix
 * @throws RpcError FAILED_PRECONDITION when the profile is of another matrix or tokenizer, INVALID_ARGUMENT; StorageError,
 *   VocabularyError
 */
export async function keptTokens(spec: ReduceSpec, source: FolderReader, fullVocabSize: number): Promise<KeptTokens> {
  if (spec.vocabulary?.$case === 'keptTokenIds') {
    const ids = Uint32Array.from(new Set(spec.vocabulary.value.fullTokenIds)).sort();
    const largest = ids.at(-1) ?? 0;
    if (largest >= fullVocabSize) {
      const description = `id ${largest} has no row: the embedding matrix of ${source.name} has ${fullVocabSize}`;
      throw invalidArgument([{ field: 'spec.reduce.kept_token_ids', description }]);
    }
    const tokenIdMap = padded(ids, new TokenCounter(), fullVocabSize, spec.padToMultipleOf);
    return { tokenIdMap, coversWholeRecords: false };
  }
  const file = artifactName(spec.vocabulary?.value ?? '');
  const profile = await readProfile(file);
  if (profile.fullVocabSize !== fullVocabSize)
    throw mismatch(
      'VOCAB_SIZE_MISMATCH',
      file,
      'the number of rows',
      profile.fullVocabSize,
      source.name,
      fullVocabSize,
    );
  const digest = await tokenizerDigest(source);
  if (profile.tokenizerDigest !== digest)
    throw mismatch('TOKENIZER_MISMATCH', file, 'the tokenizer', profile.tokenizerDigest, source.name, digest);
  const keptTokenIds = Uint32Array.from(profile.keptTokenIds);
  const keptDigest = await TokenIdMap.create(fullVocabSize, keptTokenIds).digest();
  if (keptDigest !== profile.keptTokenIdsDigest)
    throw mismatch(
      'KEPT_TOKEN_IDS_MISMATCH',
      file,
      'the digest',
      profile.keptTokenIdsDigest,
      'its kept ids',
      keptDigest,
    );
  return {
    tokenIdMap: padded(keptTokenIds, totalCounts(profile), fullVocabSize, spec.padToMultipleOf),
    coversWholeRecords:
      profile.droppedTokenCount === 0 && profile.splits.every(({ truncatedRecordCount }) => truncatedRecordCount === 0),
  };
}

async function readProfile(file: string): Promise<VocabularyProfile> {
  return parseProfile(await readJsonFile(file, { maxBytes: MAX_PROFILE_BYTES }), file);
}

function mismatch(
  reason: string,
  file: string,
  what: string,
  expected: string | number,
  actualName: string,
  actual: string | number,
): RpcError {
  return new RpcError({
    code: grpcStatus.FAILED_PRECONDITION,
    reason,
    message: `${file}: ${what} is ${expected}, that of ${actualName} is ${actual}`,
    metadata: { file, value: String(actual), limit: String(expected) },
  });
}

function padded(
  keptTokenIds: Uint32Array,
  counts: TokenCounter,
  fullVocabSize: number,
  padToMultipleOf: number,
): TokenIdMap {
  if (padToMultipleOf <= 1) return TokenIdMap.create(fullVocabSize, keptTokenIds);
  // Ids that occur but were dropped on purpose come back only as padding, the most frequent first.
  const selection = selectKeptTokenIds({
    modelVocabSize: fullVocabSize,
    counts,
    alwaysKept: keptTokenIds,
    maxRows: keptTokenIds.length,
    padToMultipleOf,
  });
  return TokenIdMap.create(fullVocabSize, selection.keptTokenIds);
}
