import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { dtypeAttribute } from './arithmetic.ts';
import { dimensionAt } from './shape.ts';

/**
 * A matrix with rows set or added to; ids may repeat when adding. TensorFlow works in place where nothing else reads
 * `target`.
 * @param ids int32 `[n]`
 * @param rows `[n, hiddenSize]`
 */
export function scatterRows(
  builder: GraphBuilder,
  op: 'TensorScatterUpdate' | 'TensorScatterAdd',
  target: Tensor,
  ids: Tensor,
  rows: Tensor,
): Tensor {
  const int32 = dtypeAttribute('int32');
  const indices = builder.add(
    'ExpandDims',
    [ids, builder.constant(1, 'int32')],
    { T: int32, Tdim: int32 },
    { dtype: 'int32', shape: [dimensionAt(ids.shape, 0), 1] },
  );
  return builder.add(
    op,
    [target, indices, rows],
    { T: dtypeAttribute(target.dtype), Tindices: int32 },
    { dtype: target.dtype, shape: target.shape },
  );
}
