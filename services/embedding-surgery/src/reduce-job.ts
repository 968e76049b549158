import { basename, dirname } from 'node:path';
import type { ReduceSpec, SurgeryProgress, SurgeryResult } from '@pemmican/contract/surgery';
import { reduceCheckpoint, tokenizerDigest } from '@pemmican/embedding';
import { createFolder, localPath, openFolder, readJson, type HubOptions } from '@pemmican/storage';
import {
  TokenCounter,
  TokenIdMap,
  VocabularyError,
  parseProfile,
  selectKeptTokenIds,
  totalCounts,
} from '@pemmican/vocabulary';

export const PEMMICAN_VERSION = '0.1.0';

// A profile of a million ids in three splits has about 60 MB.
const MAX_PROFILE_BYTES = 500_000_000;
const MAX_CONFIG_BYTES = 10_000_000;

export interface SurgeryHooks {
  readonly signal: AbortSignal;
  readonly hub: HubOptions;
  readonly onProgress: (progress: SurgeryProgress) => void;
}

/** Which rows are kept and what they were counted with. */
interface Kept {
  readonly keptTokenIds: Uint32Array;
  readonly tokenizerDigest: string | undefined;
}

/** Writes the reduced checkpoint that a spec asks for. */
export async function reduceJob(spec: ReduceSpec, hooks: SurgeryHooks): Promise<SurgeryResult> {
  const source = await openFolder(spec.modelUri, { hub: hooks.hub });
  const config = await readJson(source, 'config.json', { maxBytes: MAX_CONFIG_BYTES });
  const fullVocabSize = vocabSizeOf(config, source.name);
  const kept = await keptTokens(spec, fullVocabSize);
  const actualDigest = await tokenizerDigest(source);
  if (kept.tokenizerDigest !== undefined && kept.tokenizerDigest !== actualDigest) {
    throw new VocabularyError(
      'INVALID_TOKEN_IDS',
      `The profile was counted with another tokenizer than that of ${source.name} (${kept.tokenizerDigest} and ${actualDigest})`,
    );
  }
  const destination = await createFolder(spec.outputUri, { overwrite: spec.overwrite });
  const { manifest, fullBytes, reducedBytes } = await reduceCheckpoint({
    source,
    tokenIdMap: TokenIdMap.create(fullVocabSize, kept.keptTokenIds),
    destination,
    pemmicanVersion: PEMMICAN_VERSION,
    signal: hooks.signal,
    onProgress: ({ doneBytes, totalBytes }) => {
      hooks.onProgress({ writtenBytes: doneBytes, totalBytes, tensorName: '' });
    },
  });
  return {
    fullVocabSize: manifest.fullVocabSize,
    reducedVocabSize: manifest.reducedVocabSize,
    sourceBytes: fullBytes,
    outputBytes: reducedBytes,
    keptTokenIdsDigest: manifest.keptTokenIdsDigest,
    tensorNames: manifest.reducedTensors.map((tensor) => tensor.name),
    outputUri: localPath(spec.outputUri),
    unusedRowFactor: 1,
  };
}

function vocabSizeOf(config: unknown, folderName: string): number {
  const value =
    typeof config === 'object' && config !== null ? (config as Record<string, unknown>)['vocab_size'] : undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new VocabularyError(
    'INVALID_PROFILE',
    `${folderName}/config.json: vocab_size is ${JSON.stringify(value)}, expected a positive integer`,
  );
}

async function keptTokens(spec: ReduceSpec, fullVocabSize: number): Promise<Kept> {
  if (spec.vocabulary?.$case === 'keptTokenIds') {
    const ids = Uint32Array.from(new Set(spec.vocabulary.value.fullTokenIds)).sort();
    return {
      keptTokenIds: padded(ids, new TokenCounter(), fullVocabSize, spec.padToMultipleOf),
      tokenizerDigest: undefined,
    };
  }
  const file = localPath(spec.vocabulary?.value ?? '');
  const json = await readJson(await openFolder(dirname(file)), basename(file), { maxBytes: MAX_PROFILE_BYTES });
  if (json === undefined) throw new VocabularyError('INVALID_PROFILE', `${file}: there is no such file`);
  const profile = parseProfile(json, file);
  if (profile.fullVocabSize !== fullVocabSize) {
    throw new VocabularyError(
      'INVALID_TOKEN_IDS',
      `${file}: was made for a matrix of ${profile.fullVocabSize} rows, the model has ${fullVocabSize}`,
    );
  }
  const map = TokenIdMap.create(fullVocabSize, Uint32Array.from(profile.keptTokenIds));
  const digest = await map.digest();
  if (digest !== profile.keptTokenIdsDigest)
    throw new VocabularyError(
      'INVALID_PROFILE',
      `${file}: digest of keptTokenIds is ${digest}, keptTokenIdsDigest says ${profile.keptTokenIdsDigest}`,
    );
  return {
    keptTokenIds: padded(map.keptTokenIds, totalCounts(profile), fullVocabSize, spec.padToMultipleOf),
    tokenizerDigest: profile.tokenizerDigest,
  };
}

function padded(
  keptTokenIds: Uint32Array,
  counts: TokenCounter,
  modelVocabSize: number,
  padToMultipleOf: number,
): Uint32Array {
  if (padToMultipleOf <= 1) return keptTokenIds;
  // Ids that occur but were dropped on purpose come back only as padding, the most frequent first.
  return selectKeptTokenIds({
    modelVocabSize,
    counts,
    alwaysKept: keptTokenIds,
    maxRows: keptTokenIds.length,
    padToMultipleOf,
  }).keptTokenIds;
}
