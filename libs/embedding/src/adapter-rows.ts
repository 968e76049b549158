import { isConvertible, type ByteSource, type Dtype, type FolderReader, type TensorInfo } from '@pemmican/safetensors';
import { TOKEN_ID_MAP_FILE_NAME } from '@pemmican/vocabulary';

import type { BytePart } from './byte-part.ts';
import { CONFIG_FILE_NAME, ModelConfig } from './config-file.ts';
import { EmbeddingError } from './error.ts';
import { readManifest } from './manifest-check.ts';
import { mergeRowsPart } from './row-parts.ts';

/** A tensor and the file that it is in. */
export interface StoredTensor {
  readonly tensor: TensorInfo;
  readonly source: ByteSource;
}

/** Rows that an adapter has in place of some of a matrix' own: PEFT's `trainable_token_indices`. */
export interface AdapterRows {
  /** `[rowCount, hiddenSize]` */
  readonly rows: StoredTensor;
  /** The matrix' row for each of them, in any order; a negative one is left out. */
  readonly matrixRows: Int32Array;
}

/**
 * A matrix `[vocabSize, hiddenSize]` with an adapter's rows in their places, in another dtype where need be.
 * @throws EmbeddingError SHAPE_MISMATCH
 */
export function adaptedRowsPart(matrix: StoredTensor, adapter: AdapterRows, dtype: Dtype): BytePart {
  const { tensor } = matrix;
  const { rows, matrixRows } = adapter;
  const [rowCount = 0, hiddenSize = 0] = tensor.shape;
  const fail = (problem: string): never => {
    throw new EmbeddingError('SHAPE_MISMATCH', rows.source.name, `"${rows.tensor.name}" ${problem}`);
  };
  const found = `${rows.tensor.dtype} [${rows.tensor.shape.join(', ')}]`;
  if (rows.tensor.shape.join() !== `${matrixRows.length},${hiddenSize}` || !isConvertible(rows.tensor.dtype))
    fail(`is ${found}; ${matrixRows.length} rows of "${tensor.name}" have ${hiddenSize} values each`);
  // A file has them in the order in which they were named, and writing takes them in the matrix' order.
  const trainedRows = Uint32Array.from(matrixRows.keys())
    .filter((index) => (matrixRows[index] ?? -1) >= 0)
    .sort((a, b) => (matrixRows[a] ?? 0) - (matrixRows[b] ?? 0));
  const keptTokenIds = trainedRows.map((index) => matrixRows[index] ?? 0);
  const last = keptTokenIds.at(-1) ?? 0;
  if (last >= rowCount) fail(`is for token ${last}, "${tensor.name}" has ${rowCount} rows`);
  const rowsOf = ({ tensor: { offsetBytes, lengthBytes, shape, dtype: own }, source }: StoredTensor) => ({
    source,
    startBytes: offsetBytes,
    rowBytes: lengthBytes / (shape[0] ?? 1),
    dtype: own,
  });
  return mergeRowsPart({
    full: rowsOf(matrix),
    trained: rowsOf(rows),
    fullVocabSize: rowCount,
    hiddenSize,
    keptTokenIds,
    trainedRows,
    dtype,
    unusedRowDecay: 1,
  });
}

/**
 * An adapter's token ids in the id space of the full model. Where the adapter is for a reduced folder, as its own config.json
 * says, they are that folder's, and the token id map in the adapter's folder says whose they are.
 * @throws EmbeddingError INVALID_CONFIG for an adapter with such a map that does not say which ids it has
 */
export async function fullTokenIdsOf(adapter: FolderReader, tokenIds: Uint32Array): Promise<Uint32Array> {
  const names = await adapter.list();
  if (!names.includes(TOKEN_ID_MAP_FILE_NAME)) return tokenIds;
  const manifest = await readManifest(adapter);
  const fail = (fileName: string, problem: string): never => {
    throw new EmbeddingError('INVALID_CONFIG', `${adapter.name}/${fileName}`, problem);
  };
  if (!names.includes(CONFIG_FILE_NAME))
    fail(
      TOKEN_ID_MAP_FILE_NAME,
      `is there without the ${CONFIG_FILE_NAME} that says whether token ids are full or reduced`,
    );
  const vocabSize = (await ModelConfig.read(adapter)).getCount('vocab_size');
  if (vocabSize === manifest.fullVocabSize) return tokenIds;
  const { reducedVocabSize, keptTokenIds } = manifest;
  if (vocabSize !== reducedVocabSize)
    fail(
      CONFIG_FILE_NAME,
      `vocab_size is ${String(vocabSize)}, the token id map has ${reducedVocabSize} of ${manifest.fullVocabSize}`,
    );
  return tokenIds.map(
    (id) => keptTokenIds[id] ?? fail('adapter_config.json', `names row ${id} of ${reducedVocabSize}`),
  );
}
