import { fromFloat32, toFloat32, type ByteSource, type Dtype } from '@pemmican/safetensors';

import { elementBytes, type BytePart } from './byte-part.ts';

/** A low-rank adapter of one matrix (LoRA), in float32. */
export interface LowRankAdapter {
  /** `[rank, inputSize]` */
  readonly down: Float32Array;
  /** `[outputSize, rank]` */
  readonly up: Float32Array;
  readonly rank: number;
  readonly scaling: number;
  /** The matrix is `[inputSize, outputSize]` (Conv1D) and not `[outputSize, inputSize]`. */
  readonly isInputMajor: boolean;
}

/** The matrix that an adapter is merged into. */
export interface MergedMatrix {
  readonly source: ByteSource;
  readonly startBytes: number;
  readonly dtype: Dtype;
  readonly rowCount: number;
  readonly columnCount: number;
}

/**
 * `W + scaling * up down`, of which the product is transposed for an input-major W. Each element's sum is taken in float64 and
 * rounded once, to the dtype of the matrix.
 */
export function mergedPart(matrix: MergedMatrix, adapter: LowRankAdapter): BytePart {
  const { dtype, rowCount, columnCount } = matrix;
  const width = elementBytes(dtype);
  // Rows of W are those of `left`, its columns those of `right`, both `[size, rank]`.
  const [left, right] = adapter.isInputMajor
    ? [transposed(adapter.down, adapter.rank), adapter.up]
    : [adapter.up, transposed(adapter.down, adapter.rank)];
  const { rank, scaling } = adapter;
  return {
    lengthBytes: rowCount * columnCount * width,
    fill: async (offsetBytes, target) => {
      const bytes = new Uint8Array(target.length);
      await matrix.source.read(matrix.startBytes + offsetBytes, bytes);
      const values = toFloat32(dtype, bytes, matrix.source.name);
      const first = offsetBytes / width;
      for (let index = 0; index < values.length; index++) {
        const [row, column] = [Math.floor((first + index) / columnCount), (first + index) % columnCount];
        let sum = 0;
        for (let k = 0; k < rank; k++) sum += (left[row * rank + k] ?? 0) * (right[column * rank + k] ?? 0);
        values[index] = (values[index] ?? 0) + scaling * sum;
      }
      target.set(fromFloat32(dtype, values, matrix.source.name));
    },
  };
}

/** `[rank, size]` as `[size, rank]`. */
function transposed(matrix: Float32Array, rank: number): Float32Array {
  const size = matrix.length / rank;
  const result = new Float32Array(matrix.length);
  for (let k = 0; k < rank; k++) for (let i = 0; i < size; i++) result[i * rank + k] = matrix[k * size + i] ?? 0;
  return result;
}
