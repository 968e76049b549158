import { areEqualTensors } from '@pemmican/safetensors';
import { ModelError } from './error.ts';
import type { Model } from './model-family.ts';
import type { TensorReader } from './parameter-loader.ts';

const OUTPUT_MATRIX = 'lm_head.weight';

/**
 * The model, tied as a checkpoint is. Where the config decides it, that is the model as it is. Configs of T5 and mT5 do not:
 * transformers ties the output matrix to the embedding matrix unless the checkpoint has both and they differ (its
 * `tie_weights`).
 *
 * Older checkpoints have the embedding matrix by several names. Where these differ, they are different matrices, which
 * transformers keeps apart and this model does not have.
 * @throws ModelError UNSUPPORTED_MODEL for those
 * @param keptTokenIds the source's row of each row of a reduced embedding matrix, whose output matrix may have all rows
 */
export async function tiedAsIn(model: Model, checkpoint: TensorReader, keptTokenIds?: Uint32Array): Promise<Model> {
  if (model.withTying === undefined) return model;
  const [name, ...copies] = model
    .checkpointNames(model.embeddingMatrixName)
    .filter((candidate) => checkpoint.has(candidate));
  for (const copy of copies)
    if (name !== undefined && !(await areEqualTensors(checkpoint, name, copy)))
      throw new ModelError(
        'UNSUPPORTED_MODEL',
        `The checkpoint has two embedding matrices that differ, "${name}" and "${copy}"; a ${model.modelType} model has one`,
      );
  const hasOwnOutput = checkpoint.has(OUTPUT_MATRIX) && name !== undefined;
  if (!hasOwnOutput) return model.withTying(true);
  const areSameRows =
    keptTokenIds !== undefined && checkpoint.get(name).shape[0] !== checkpoint.get(OUTPUT_MATRIX).shape[0]
      ? await areRows(checkpoint, name, OUTPUT_MATRIX, keptTokenIds)
      : await areEqualTensors(checkpoint, name, OUTPUT_MATRIX);
  return model.withTying(areSameRows);
}

/** Whether a matrix has the other one's rows with these numbers. */
async function areRows(checkpoint: TensorReader, first: string, second: string, rows: Uint32Array): Promise<boolean> {
  const [a, b] = [checkpoint.get(first), checkpoint.get(second)];
  if (a.dtype !== b.dtype || a.shape[1] !== b.shape[1] || a.shape[0] !== rows.length) return false;
  const size = a.lengthBytes / rows.length;
  const [left, right] = [new Uint8Array(size), new Uint8Array(size)];
  for (const [index, row] of rows.entries()) {
    if ((row + 1) * size > b.lengthBytes) return false;
    await checkpoint.readRange(first, index * size, left);
    await checkpoint.readRange(second, row * size, right);
    if (!isSame(left, right, size)) return false;
  }
  return true;
}

function isSame(left: Uint8Array, right: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) if (left[index] !== right[index]) return false;
  return true;
}
