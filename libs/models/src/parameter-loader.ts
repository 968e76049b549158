import { CONVERTIBLE_DTYPES, isConvertible, toFloat32, type Checkpoint } from '@pemmican/safetensors';
import { ModelError } from './error.ts';
import type { Model, ParameterSpec } from './model-family.ts';
import { SeededRandom } from './random.ts';

/** What values are read from: a checkpoint, or one file. */
export type TensorReader = Pick<Checkpoint, 'name' | 'has' | 'get' | 'readRange'>;

/** Where a parameter's first value comes from. */
export interface ParameterSource {
  readonly spec: ParameterSpec;
  /** Name in the checkpoint, or undefined where it is drawn anew. */
  readonly checkpointName: string | undefined;
}

/**
 * Finds each parameter in a checkpoint and checks its shape and dtype.
 * @throws ModelError MISSING_TENSOR, SHAPE_MISMATCH, WRONG_DTYPE
 */
export function resolveParameters(
  model: Pick<Model, 'checkpointNames'>,
  checkpoint: Pick<TensorReader, 'name' | 'has' | 'get'>,
  specs: readonly ParameterSpec[],
): ParameterSource[] {
  return specs.map((spec) => {
    const checkpointName = model.checkpointNames(spec.name).find((name) => checkpoint.has(name));
    if (checkpointName === undefined) {
      if (spec.initializer === undefined) {
        throw new ModelError(
          'MISSING_TENSOR',
          `${checkpoint.name}: has no tensor for "${spec.name}" (looked for ${model.checkpointNames(spec.name).join(', ')})`,
        );
      }
      return { spec, checkpointName };
    }
    const { shape, dtype } = checkpoint.get(checkpointName);
    if (shape.join() !== spec.shape.join()) {
      throw new ModelError(
        'SHAPE_MISMATCH',
        `${checkpoint.name}: tensor "${checkpointName}" is [${shape.join(', ')}], the config and task need [${spec.shape.join(', ')}]`,
      );
    }
    if (!isConvertible(dtype)) {
      throw new ModelError(
        'WRONG_DTYPE',
        `${checkpoint.name}: tensor "${checkpointName}" is ${dtype}, weights must be ${CONVERTIBLE_DTYPES.join(', ')}; a quantized checkpoint has to be dequantized first`,
      );
    }
    return { spec, checkpointName };
  });
}

/**
 * Rows `[firstRow, firstRow + rowCount)` of a parameter's first value as float32; a vector counts as one row an element.
 * @param seed decides what is drawn for tensors that the checkpoint lacks
 */
export async function readParameterRows(
  source: ParameterSource,
  checkpoint: TensorReader,
  firstRow: number,
  rowCount: number,
): Promise<Float32Array<ArrayBuffer>> {
  if (source.checkpointName === undefined)
    throw new ModelError('MISSING_TENSOR', `Parameter "${source.spec.name}" is not in ${checkpoint.name}`);
  const info = checkpoint.get(source.checkpointName);
  const rowBytes = info.lengthBytes / Math.max(1, info.shape[0] ?? 1);
  const bytes = new Uint8Array(rowBytes * rowCount);
  await checkpoint.readRange(source.checkpointName, firstRow * rowBytes, bytes);
  return toFloat32(info.dtype, bytes, `${checkpoint.name}: ${source.checkpointName}`);
}

/** The drawn value of a parameter that no checkpoint has. The same seed and name give the same numbers. */
export function initializeParameter(spec: ParameterSpec, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(spec.shape.reduce((product, size) => product * size, 1));
  switch (spec.initializer?.kind) {
    case 'normal': {
      const random = new SeededRandom(seed, spec.name);
      const { standardDeviation } = spec.initializer;
      for (let index = 0; index < values.length; index++) values[index] = standardDeviation * random.normal();
      break;
    }
    case 'uniform': {
      const random = new SeededRandom(seed, spec.name);
      const { bound } = spec.initializer;
      for (let index = 0; index < values.length; index++) values[index] = bound * (2 * random.uniform() - 1);
      break;
    }
    case 'ones':
      values.fill(1);
      break;
    case 'zeros':
      break;
    case undefined:
      throw new ModelError('MISSING_TENSOR', `Parameter "${spec.name}" has no initializer`);
  }
  return values;
}
