import type { Checkpoint, FolderReader } from '@pemmican/safetensors';
import { parseManifest, TOKEN_ID_MAP_FILE_NAME, TokenIdMap, type TokenIdMapManifest } from '@pemmican/vocabulary';

import type { EmbeddingMatrix } from './embedding-matrix.ts';
import { EmbeddingError } from './error.ts';
import { checkpointFingerprint } from './fingerprint.ts';
import { readSmallFile } from './folder-file.ts';

// A million kept ids of seven digits, with commas, take 8 MB.
const MAX_MANIFEST_LENGTH_BYTES = 100_000_000;

/** Whether a folder is, or was trained from, a reduced one. */
export async function hasManifest(folder: FolderReader): Promise<boolean> {
  return (await folder.list()).includes(TOKEN_ID_MAP_FILE_NAME);
}

/**
 * Reads the manifest that travels with a reduced checkpoint.
 * @throws EmbeddingError MISSING_FILE; whatever `parseManifest` throws for a malformed one
 */
export async function readManifest(folder: FolderReader): Promise<TokenIdMapManifest> {
  const bytes = await readSmallFile(folder, TOKEN_ID_MAP_FILE_NAME, MAX_MANIFEST_LENGTH_BYTES);
  const path = `${folder.name}/${TOKEN_ID_MAP_FILE_NAME}`;
  if (bytes === undefined) {
    throw new EmbeddingError(
      'MISSING_FILE',
      folder.name,
      `has no ${TOKEN_ID_MAP_FILE_NAME}: it was not trained from a reduced checkpoint, so there is nothing to restore`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new EmbeddingError('INVALID_CONFIG', path, `is not valid JSON in UTF-8: ${String(cause)}`, { cause });
  }
  return parseManifest(json, path);
}

/**
 * Checks that a manifest belongs to this source and this trained checkpoint.
 * @throws EmbeddingError MANIFEST_MISMATCH that says what differs, with both values
 */
export async function checkManifest(
  manifest: TokenIdMapManifest,
  source: Checkpoint,
  sourceEmbedding: EmbeddingMatrix,
  trained: Checkpoint,
  trainedEmbedding: EmbeddingMatrix,
): Promise<TokenIdMap> {
  const path = `${trained.name}/${TOKEN_ID_MAP_FILE_NAME}`;
  const check = (what: string, expected: string | number, actual: string | number): void => {
    if (expected !== actual)
      throw new EmbeddingError(
        'MANIFEST_MISMATCH',
        path,
        `does not fit: ${what} is ${actual}, the map says ${expected}`,
      );
  };
  let tokenIdMap: TokenIdMap;
  try {
    tokenIdMap = TokenIdMap.create(manifest.fullVocabSize, Uint32Array.from(manifest.keptTokenIds));
  } catch (cause) {
    throw new EmbeddingError('MANIFEST_MISMATCH', path, `holds no valid kept token ids: ${String(cause)}`, { cause });
  }
  check('the number of kept token ids', manifest.reducedVocabSize, tokenIdMap.reducedVocabSize);
  check('the digest of the kept token ids', manifest.keptTokenIdsDigest, await tokenIdMap.digest());
  check(
    `the number of rows of "${sourceEmbedding.tensor.name}" in ${source.name}`,
    manifest.fullVocabSize,
    sourceEmbedding.rowCount,
  );
  check(
    `the number of rows of "${trainedEmbedding.tensor.name}" in ${trained.name}`,
    manifest.reducedVocabSize,
    trainedEmbedding.rowCount,
  );
  if (sourceEmbedding.hiddenSize !== trainedEmbedding.hiddenSize) {
    throw new EmbeddingError(
      'MANIFEST_MISMATCH',
      trained.name,
      `rows have ${trainedEmbedding.hiddenSize} elements, those of ${source.name} have ${sourceEmbedding.hiddenSize}`,
    );
  }
  check(`the fingerprint of ${source.name}`, manifest.sourceFingerprint, await checkpointFingerprint(source));
  return tokenIdMap;
}
