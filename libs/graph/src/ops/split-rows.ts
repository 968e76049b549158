import { formatShape, type Dimension } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { concat, dense, dtypeAttribute } from './arithmetic.ts';
import { dimensionAt, type RuntimeDimensions } from './shape.ts';

/**
 * A matrix's first rows and the others.
 * @param x `[rows, size]`
 * @param counts rows of each part; they must add up to all rows, which the engine checks
 */
export function splitRows(
  builder: GraphBuilder,
  dimensions: RuntimeDimensions,
  x: Tensor,
  counts: readonly [Dimension, Dimension],
): [Tensor, Tensor] {
  if (x.shape.length !== 2) throw new GraphError('SHAPE_MISMATCH', `splitRows of ${formatShape(x.shape)}`);
  const [rows, size] = [dimensionAt(x.shape, 0), dimensionAt(x.shape, 1)];
  const T = dtypeAttribute(x.dtype);
  const types = counts.map((count) => ({ dtype: x.dtype, shape: [count, size] }));
  const { outputs } = builder.addNode(
    'SplitV',
    [x, dimensions.vector(counts), builder.constant(0, 'int32')],
    { T, Tlen: dtypeAttribute('int32'), num_split: { kind: 'int', value: counts.length } },
    types,
  );
  const [first, second] = outputs;
  if (first === undefined || second === undefined) throw new TypeError('Two parts were asked for');
  builder.recordAll({
    inputs: [x],
    outputs: [first, second],
    backward: (gradients) => {
      const parts = [first, second].map(
        (part, index) =>
          gradients[index] ?? builder.add('ZerosLike', [part], { T }, { dtype: part.dtype, shape: part.shape }),
      );
      return [dense(concat(builder, parts, 0, rows))];
    },
  });
  return [first, second];
}
