import type { GraphBuilder } from '../graph-builder.ts';
import type { GraphNode, RowGradient, Tensor } from '../tensor.ts';
import { dtypeAttribute } from './arithmetic.ts';
import { sumDuplicateRows } from './embedding.ts';
import { dimensionAt } from './shape.ts';

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

/** Rows `[firstRow, firstRow + rowCount)` of a matrix. */
export interface RowBlock {
  readonly firstRow: number;
  readonly rowCount: number;
}

/** The numbers of a block's rows, int32 `[rowCount]`. */
export function rowIdsOf(builder: GraphBuilder, { firstRow, rowCount }: RowBlock): Tensor {
  const bound = (value: number): Tensor => builder.constant(value, 'int32');
  return builder.add(
    'Range',
    [bound(firstRow), bound(firstRow + rowCount), bound(1)],
    { Tidx: dtypeAttribute('int32') },
    { dtype: 'int32', shape: [rowCount] },
  );
}

/** A block of a matrix, sharing its bytes. */
export function rowsOf(
  builder: GraphBuilder,
  matrix: Tensor,
  { firstRow, rowCount }: RowBlock,
  controlInputs: readonly GraphNode[] = [],
): Tensor {
  const { dtype, shape } = matrix;
  return builder.add(
    'Slice',
    [matrix, builder.constant([firstRow, 0], 'int32'), builder.constant([rowCount, -1], 'int32')],
    { T: dtypeAttribute(dtype), Index: dtypeAttribute('int32') },
    { dtype, shape: [rowCount, dimensionAt(shape, 1)] },
    { controlInputs, isView: true },
  );
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
