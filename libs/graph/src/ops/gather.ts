import { formatShape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { dense, gather, segmentSum } from './arithmetic.ts';
import { dimensionAt, type RuntimeDimensions } from './shape.ts';

/**
 * Rows of an activation: output row i is row `indices[i]`. Unlike an embedding matrix's, its gradient is a dense tensor.
 * @param x `[rows, size]`
 * @param indices int32 `[n]`; the engine fails on an index out of range
 * @returns `[n, size]`
 */
export function gatherRows(builder: GraphBuilder, dimensions: RuntimeDimensions, x: Tensor, indices: Tensor): Tensor {
  if (x.shape.length !== 2 || indices.shape.length !== 1)
    throw new GraphError('SHAPE_MISMATCH', `gatherRows of ${formatShape(indices.shape)} in ${formatShape(x.shape)}`);
  const output = gather(builder, x, indices);
  const rowCount = dimensionAt(x.shape, 0);
  builder.record({
    inputs: [x, indices],
    output,
    backward: (dy) => [dense(segmentSum(builder, dy, indices, dimensions.scalar(rowCount), rowCount)), undefined],
  });
  return output;
}
