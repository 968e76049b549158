import { formatShape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { dense, dtypeAttribute } from './arithmetic.ts';
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
  const int32 = dtypeAttribute('int32');
  const output = builder.add(
    'GatherV2',
    [x, indices, builder.constant(0, 'int32')],
    { Tparams: dtypeAttribute(x.dtype), Tindices: int32, Taxis: int32 },
    { dtype: x.dtype, shape: [dimensionAt(indices.shape, 0), dimensionAt(x.shape, 1)] },
  );
  builder.record({
    inputs: [x, indices],
    output,
    backward: (dy) => [
      dense(
        builder.add(
          'UnsortedSegmentSum',
          [dy, indices, dimensions.scalar(dimensionAt(x.shape, 0))],
          { T: dtypeAttribute(x.dtype), Tindices: int32, Tnumsegments: int32 },
          { dtype: x.dtype, shape: x.shape },
        ),
      ),
      undefined,
    ],
  });
  return output;
}
