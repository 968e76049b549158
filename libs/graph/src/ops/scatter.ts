import type { GraphBuilder } from '../graph-builder.ts';
import type { RowGradient, Tensor } from '../tensor.ts';
import { dtypeAttribute } from './arithmetic.ts';
import { sumDuplicateRows } from './embedding.ts';

/**
 * A matrix with rows set, in the very bytes of `target`, which nothing else MUST read afterwards. (TensorFlow's own
 * TensorScatterUpdate copies the whole matrix each time.)
 * @param target `[rowCount, hiddenSize]`
 * @param ids int32 `[n]`, distinct
 * @param rows `[n, hiddenSize]`
 */
export function setRowsInPlace(builder: GraphBuilder, target: Tensor, ids: Tensor, rows: Tensor): Tensor {
  return inPlace(builder, 'InplaceUpdate', target, ids, rows);
}

/**
 * A matrix with rows added to, in the very bytes of `target`, which nothing else MUST read afterwards.
 * @param added ids may repeat: their rows are summed first
 */
export function addRowsInPlace(builder: GraphBuilder, target: Tensor, added: RowGradient): Tensor {
  const distinct = sumDuplicateRows(builder, added);
  return inPlace(builder, 'InplaceAdd', target, distinct.ids, distinct.values);
}

function inPlace(
  builder: GraphBuilder,
  op: 'InplaceUpdate' | 'InplaceAdd',
  target: Tensor,
  ids: Tensor,
  rows: Tensor,
): Tensor {
  const T = dtypeAttribute(target.dtype);
  return builder.add(op, [target, ids, rows], { T }, { dtype: target.dtype, shape: target.shape }, { isView: true });
}
