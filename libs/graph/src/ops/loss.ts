import { formatShape, shapesEqual } from '../dimension.ts';
import { GraphError } from '../error.ts';
import { outputOf, type GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, dense, dtypeAttribute, reduce, unary } from './arithmetic.ts';
import { dimensionAt } from './shape.ts';

/** Number of elements of `x` as a float scalar. */
export function countOf(builder: GraphBuilder, x: Tensor): Tensor {
  const size = builder.add(
    'Size',
    [x],
    { T: dtypeAttribute(x.dtype), out_type: dtypeAttribute('int32') },
    { dtype: 'int32', shape: [] },
  );
  return builder.add(
    'Cast',
    [size],
    { SrcT: dtypeAttribute('int32'), DstT: dtypeAttribute(builder.floatDtype) },
    { dtype: builder.floatDtype, shape: [] },
  );
}

/**
 * Mean over the rows of `-log softmax(logits)[label]`, in nats.
 * @param logits `[batch, labelCount]`
 * @param labels int32 `[batch]`
 */
export function crossEntropyMean(builder: GraphBuilder, logits: Tensor, labels: Tensor): Tensor {
  const batch = dimensionAt(logits.shape, 0);
  if (!shapesEqual(labels.shape, [batch])) {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `crossEntropyMean of logits ${formatShape(logits.shape)} and labels ${formatShape(labels.shape)}`,
    );
  }
  const node = builder.addNode(
    'SparseSoftmaxCrossEntropyWithLogits',
    [logits, labels],
    { T: dtypeAttribute(logits.dtype), Tlabels: dtypeAttribute('int32') },
    [
      { dtype: logits.dtype, shape: [batch] },
      { dtype: logits.dtype, shape: logits.shape },
    ],
  );
  const output = reduce(builder, 'Mean', outputOf(node, 0), [0], false);
  builder.record({
    inputs: [logits, labels],
    output,
    backward: (dy) => [
      dense(binary(builder, 'Mul', outputOf(node, 1), binary(builder, 'RealDiv', dy, countOf(builder, labels)))),
      undefined,
    ],
  });
  return output;
}

/**
 * Mean of `(prediction - target)^2` over all elements.
 * @param targets same shape as `predictions`
 */
export function squaredErrorMean(builder: GraphBuilder, predictions: Tensor, targets: Tensor): Tensor {
  if (!shapesEqual(predictions.shape, targets.shape)) {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `squaredErrorMean of ${formatShape(predictions.shape)} and ${formatShape(targets.shape)}`,
    );
  }
  const difference = binary(builder, 'Sub', predictions, targets);
  const axes = predictions.shape.map((_, axis) => axis);
  const output = reduce(builder, 'Mean', unary(builder, 'Square', difference), axes, false);
  builder.record({
    inputs: [predictions, targets],
    output,
    backward: (dy) => {
      const factor = binary(
        builder,
        'RealDiv',
        binary(builder, 'Mul', dy, builder.constant(2)),
        countOf(builder, predictions),
      );
      return [dense(binary(builder, 'Mul', difference, factor)), undefined];
    },
  });
  return output;
}
