import { EmbeddingError, adaptedRowsPart, fullTokenIdsOf, readAdapterMap } from '@pemmican/embedding';
import type { Model, Task, TensorReader } from '@pemmican/models';
import type { FolderReader, SafetensorsFile } from '@pemmican/safetensors';
import type { PreparedModel } from './prepared-model.ts';

/** An adapter that has embedding rows. */
export interface RowsAdapter {
  readonly folder: FolderReader;
  readonly file: SafetensorsFile;
  /** Name of the tensor of its rows. */
  readonly tensorName: string;
  /** Of the rows, by the ids of the model that the adapter names. */
  readonly tokenIds: Uint32Array;
  /** Whether that is the base it is used with. */
  readonly isForBase: boolean;
}

/**
 * A base's checkpoint in which the embedding matrix has an adapter's rows in place of its own, in float32. Rows that a reduced
 * base did not keep are left out.
 * @param matrixName of the matrix in the base's checkpoint
 * @throws EmbeddingError SHAPE_MISMATCH
 */
export async function withAdapterRows(
  base: PreparedModel,
  matrixName: string,
  { folder, file, tensorName, tokenIds, isForBase }: RowsAdapter,
): Promise<TensorReader> {
  const { checkpoint, reduction } = base;
  const map = await readAdapterMap(folder, isForBase ? base.folder : undefined);
  const fullTokenIds = await fullTokenIdsOf(folder, tokenIds, map);
  const rowOf = (fullTokenId: number): number => {
    if (reduction === undefined) return fullTokenId;
    const { fullVocabSize } = reduction.map;
    if (fullTokenId < fullVocabSize) return reduction.map.toReducedId(fullTokenId);
    const problem = `has a row for token ${fullTokenId}, ${base.folder.name} is a reduction of ${fullVocabSize} rows`;
    throw new EmbeddingError('SHAPE_MISMATCH', folder.name, problem);
  };
  const tensor = checkpoint.get(matrixName);
  const part = adaptedRowsPart(
    { tensor, source: checkpoint.sourceOf(matrixName) },
    {
      rows: { tensor: file.get(tensorName), source: file.source },
      matrixRows: Int32Array.from(fullTokenIds, rowOf),
    },
    'F32',
  );
  const adapted = { ...tensor, dtype: 'F32', lengthBytes: part.lengthBytes } as const;
  return {
    name: checkpoint.name,
    has: (name) => checkpoint.has(name),
    get: (name) => (name === matrixName ? adapted : checkpoint.get(name)),
    readRange: async (name, offsetBytes, target) => {
      if (name !== matrixName) return checkpoint.readRange(name, offsetBytes, target);
      const bytes = new Uint8Array(target.length);
      await part.fill(offsetBytes, bytes);
      target.set(bytes);
    },
  };
}

/** What a person is told of an adapter with embedding rows that PEFT opens as another model; undefined where it does not. */
export function adapterRowsWarning(model: Model, task: Task): string | undefined {
  const advice = 'Merge it (pemmican restore) for use with PEFT; pemmican predicts with it as it was trained';
  // Seen with PEFT 0.21: utils/other.py goes by the config, and tuners/trainable_tokens/layer.py by the weight alone.
  if (task === 'seq2seq-lm' && !model.isTied(task))
    return `PEFT puts the embedding rows of an encoder-decoder's adapter into its output matrix too, which here is another matrix. ${advice}`;
  if (task === 'masked-lm' && model.isTied(task))
    return `PEFT leaves out the bias of an output matrix that an adapter has embedding rows for. ${advice}`;
  return undefined;
}
