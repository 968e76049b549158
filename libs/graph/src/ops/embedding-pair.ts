import { formatShape, type Dimension } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Gradient, Tensor } from '../tensor.ts';
import { concat, gather } from './arithmetic.ts';
import { dimensionAt } from './shape.ts';

/**
 * Rows of one matrix for two sequences. The matrix gets one gradient of rows for both, where two look-ups would add two whole
 * matrices up.
 * @param matrix `[rowCount, hiddenSize]`
 * @param ids int32 `[m]` and `[n]`; the engine fails on an id out of range
 * @param count `m + n`
 * @returns `[m, hiddenSize]` and `[n, hiddenSize]`
 */
export function embeddingPair(
  builder: GraphBuilder,
  matrix: Tensor,
  ids: readonly [Tensor, Tensor],
  count: Dimension,
): [Tensor, Tensor] {
  const rowCount = dimensionAt(matrix.shape, 0);
  if (matrix.shape.length !== 2 || ids.some(({ shape }) => shape.length !== 1) || typeof rowCount !== 'number') {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `embeddingPair of ids ${ids.map(({ shape }) => formatShape(shape)).join(' and ')} in ${formatShape(matrix.shape)}`,
    );
  }
  const outputs: [Tensor, Tensor] = [gather(builder, matrix, ids[0]), gather(builder, matrix, ids[1])];
  builder.recordAll({
    inputs: [matrix, ...ids],
    outputs,
    backward: (gradients) => {
      const parts = gradients.flatMap((values, index) => {
        const own = ids[index];
        return values === undefined || own === undefined ? [] : [{ ids: own, values }];
      });
      const [first, second] = parts;
      if (first === undefined) return [undefined];
      const rows = (all: Tensor, values: Tensor): Gradient => ({ kind: 'rows', ids: all, values, rowCount });
      if (second === undefined) return [rows(first.ids, first.values)];
      const join = (a: Tensor, b: Tensor): Tensor => concat(builder, [a, b], 0, count);
      return [rows(join(first.ids, second.ids), join(first.values, second.values))];
    },
  });
  return outputs;
}
