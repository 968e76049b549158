import { isConvertible, type ByteSource, type Dtype, type FolderReader, type TensorInfo } from '@pemmican/safetensors';
import { TOKEN_ID_MAP_FILE_NAME, type TokenIdMapManifest } from '@pemmican/vocabulary';

import type { BytePart } from './byte-part.ts';
import { CONFIG_FILE_NAME, ModelConfig } from './config-file.ts';
import { EmbeddingError } from './error.ts';
import { hasManifest, readManifest } from './manifest-check.ts';
import { mergeRowsPart, rowSourceOf } from './row-parts.ts';

// As PEFT names it; for messages.
const ADAPTER_CONFIG = 'adapter_config.json';

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
  const rowNumbers = trainedRows.map((index) => matrixRows[index] ?? 0);
  const last = rowNumbers.at(-1) ?? 0;
  if (last >= rowCount) fail(`has a row for row ${last} of "${tensor.name}", which has ${rowCount}`);
  return mergeRowsPart({
    full: rowSourceOf(tensor, matrix.source),
    trained: rowSourceOf(rows.tensor, rows.source),
    fullVocabSize: rowCount,
    hiddenSize,
    keptTokenIds: rowNumbers,
    trainedRows,
    dtype,
    unusedRowDecay: 1,
  });
}

/** The token id map of a reduced model that an adapter was trained for, and the folder that has it. */
export interface AdapterMap {
  readonly folder: FolderReader;
  readonly manifest: TokenIdMapManifest;
}

/**
 * Reads the token id map of an adapter, or that of the model it names.
 * @param base the model that the adapter names, where it can be opened
 * @returns undefined where neither has one
 * @throws whatever {@link readManifest} throws for a malformed one
 */
export async function readAdapterMap(adapter: FolderReader, base?: FolderReader): Promise<AdapterMap | undefined> {
  for (const folder of base === undefined ? [adapter] : [adapter, base])
    if (await hasManifest(folder)) return { folder, manifest: await readManifest(folder) };
  return undefined;
}

/**
 * An adapter's token ids, which are those of the model that it names, as full token ids. That model may be a reduced one: an
 * adapter of ours has the token id map in its folder then, and its config.json has the number of rows; one of PEFT's has
 * neither, and the map is in the model's folder.
 * @param map what {@link readAdapterMap} found
 * @throws EmbeddingError INVALID_CONFIG for an adapter with a map that does not say which ids it has, and for an id without a row
 */
export async function fullTokenIdsOf(
  adapter: FolderReader,
  tokenIds: Uint32Array,
  map: AdapterMap | undefined,
): Promise<Uint32Array> {
  const fail = (fileName: string, problem: string): never => {
    throw new EmbeddingError('INVALID_CONFIG', `${adapter.name}/${fileName}`, problem);
  };
  if (map === undefined) return tokenIds;
  const { reducedVocabSize, fullVocabSize, keptTokenIds } = map.manifest;
  const toFullTokenIds = (): Uint32Array =>
    tokenIds.map(
      (id, index) =>
        keptTokenIds[id] ??
        fail(ADAPTER_CONFIG, `token id ${index} is ${id}, the reduced folder has rows 0 to ${reducedVocabSize - 1}`),
    );
  if (map.folder !== adapter) return toFullTokenIds();
  if (!(await adapter.list()).includes(CONFIG_FILE_NAME))
    fail(
      TOKEN_ID_MAP_FILE_NAME,
      `is there without the ${CONFIG_FILE_NAME} that says whether token ids are full or reduced`,
    );
  const vocabSize = (await ModelConfig.read(adapter)).getCount('vocab_size');
  if (vocabSize === fullVocabSize) return tokenIds;
  if (vocabSize !== reducedVocabSize)
    fail(
      CONFIG_FILE_NAME,
      `vocab_size is ${String(vocabSize)}, the token id map has ${reducedVocabSize} of ${fullVocabSize}`,
    );
  return toFullTokenIds();
}
