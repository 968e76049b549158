import { formatShape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import { outputOf, type GraphBuilder } from '../graph-builder.ts';
import type { RowGradient, Tensor } from '../tensor.ts';
import { binary, cast, dtypeAttribute, gather, segmentSum } from './arithmetic.ts';
import { dimensionAt } from './shape.ts';

/**
 * Rows of a matrix: output row i is row `ids[i]`.
 *
 * With `paddingIndex`, that row gets no gradient (torch.nn.Embedding's `padding_idx`, which BERT models take from
 * `config.pad_token_id`, whatever the tokenizer pads with).
 * @param matrix `[rowCount, hiddenSize]`
 * @param ids int32 `[n]`; the engine fails on an id out of range
 * @returns `[n, hiddenSize]`
 */
export function embeddingLookup(
  builder: GraphBuilder,
  matrix: Tensor,
  ids: Tensor,
  options: { paddingIndex?: number } = {},
): Tensor {
  const rowCount = dimensionAt(matrix.shape, 0);
  if (matrix.shape.length !== 2 || ids.shape.length !== 1 || typeof rowCount !== 'number') {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `embeddingLookup of ids ${formatShape(ids.shape)} in ${formatShape(matrix.shape)}`,
    );
  }
  const output = gather(builder, matrix, ids);
  builder.record({
    inputs: [matrix, ids],
    output,
    backward: (dy) => {
      const values = options.paddingIndex === undefined ? dy : withoutRow(builder, dy, ids, options.paddingIndex);
      return [{ kind: 'rows', ids, values, rowCount }, undefined];
    },
  });
  return output;
}

/** The rows of `values` whose id is `excludedId` set to 0. */
function withoutRow(builder: GraphBuilder, values: Tensor, ids: Tensor, excludedId: number): Tensor {
  const isOther = builder.add(
    'NotEqual',
    [ids, builder.constant(excludedId, 'int32')],
    { T: dtypeAttribute('int32') },
    { dtype: 'bool', shape: ids.shape },
  );
  const factor = cast(builder, isOther, values.dtype);
  const column = builder.add(
    'ExpandDims',
    [factor, builder.constant(1, 'int32')],
    { T: dtypeAttribute(values.dtype), Tdim: dtypeAttribute('int32') },
    { dtype: values.dtype, shape: [dimensionAt(ids.shape, 0), 1] },
  );
  return binary(builder, 'Mul', values, column);
}

/**
 * Adds up the rows of equal ids: ids become distinct, and the L2 norm of `values` is that of the dense gradient.
 * The number of distinct ids is only known at run time; for shapes it counts as the number of ids.
 */
export function sumDuplicateRows(builder: GraphBuilder, gradient: RowGradient): RowGradient {
  const { ids, values } = gradient;
  const int32 = dtypeAttribute('int32');
  const unique = builder.addNode('Unique', [ids], { T: int32, out_idx: int32 }, [
    { dtype: 'int32', shape: ids.shape },
    { dtype: 'int32', shape: ids.shape },
  ]);
  const distinctIds = outputOf(unique, 0);
  const count = builder.add('Size', [distinctIds], { T: int32, out_type: int32 }, { dtype: 'int32', shape: [] });
  const sums = segmentSum(builder, values, outputOf(unique, 1), count, dimensionAt(values.shape, 0));
  return { kind: 'rows', ids: distinctIds, values: sums, rowCount: gradient.rowCount };
}

/** The dense `[rowCount, hiddenSize]` gradient of a row gradient. */
export function densify(builder: GraphBuilder, gradient: RowGradient): Tensor {
  const { ids, values, rowCount } = gradient;
  return segmentSum(builder, values, ids, builder.constant(rowCount, 'int32'), rowCount);
}
