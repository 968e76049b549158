import type { Model } from './model-family.ts';
import type { TensorReader } from './parameter-loader.ts';

const CHUNK_BYTES = 1 << 20;
const OUTPUT_MATRIX = 'lm_head.weight';

/**
 * The model, tied as a checkpoint is. Where the config decides it, that is the model as it is. Configs of T5 and mT5 do not:
 * transformers ties the output matrix to the embedding matrix unless the checkpoint has both and they differ (its
 * `tie_weights`).
 */
export async function tiedAsIn(model: Model, checkpoint: TensorReader): Promise<Model> {
  if (model.withTying === undefined) return model;
  const name = model.checkpointNames(model.embeddingMatrixName).find((candidate) => checkpoint.has(candidate));
  const hasOwnOutput = checkpoint.has(OUTPUT_MATRIX) && name !== undefined;
  return model.withTying(!hasOwnOutput || (await areEqual(checkpoint, name, OUTPUT_MATRIX)));
}

async function areEqual(checkpoint: TensorReader, first: string, second: string): Promise<boolean> {
  const [a, b] = [checkpoint.get(first), checkpoint.get(second)];
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  const size = Math.min(CHUNK_BYTES, a.lengthBytes);
  const [left, right] = [new Uint8Array(size), new Uint8Array(size)];
  for (let offset = 0; offset < a.lengthBytes; offset += size) {
    const length = Math.min(size, a.lengthBytes - offset);
    await checkpoint.readRange(first, offset, left.subarray(0, length));
    await checkpoint.readRange(second, offset, right.subarray(0, length));
    for (let index = 0; index < length; index++) if (left[index] !== right[index]) return false;
  }
  return true;
}
