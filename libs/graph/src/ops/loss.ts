import { formatShape, shapesEqual } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, dense, dtypeAttribute, reduce, unary } from './arithmetic.ts';
import { dimensionAt, elementAt, shapeOf } from './shape.ts';

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
  // Not by SparseSoftmaxCrossEntropyWithLogits: on a GPU it adds in no fixed order, and is refused where steps have to repeat.
  const logProbabilities = unary(builder, 'LogSoftmax', logits);
  const isLabel = oneHot(builder, labels, logits);
  const ownLogProbabilities = reduce(builder, 'Sum', binary(builder, 'Mul', logProbabilities, isLabel), [1], false);
  const output = unary(builder, 'Neg', reduce(builder, 'Mean', ownLogProbabilities, [0], false));
  builder.record({
    inputs: [logits, labels],
    output,
    backward: (dy) => {
      const difference = binary(builder, 'Sub', unary(builder, 'Exp', logProbabilities), isLabel);
      const factor = binary(builder, 'RealDiv', dy, countOf(builder, labels));
      return [dense(binary(builder, 'Mul', difference, factor)), undefined];
    },
  });
  return output;
}

/** 1 at each row's label, 0 elsewhere; shape and dtype of `logits`. A label out of range has no 1 in its row. */
function oneHot(builder: GraphBuilder, labels: Tensor, logits: Tensor): Tensor {
  const labelCount = dimensionAt(logits.shape, 1);
  const depth =
    typeof labelCount === 'number'
      ? builder.constant(labelCount, 'int32')
      : elementAt(builder, shapeOf(builder, logits), 1);
  return builder.add(
    'OneHot',
    [labels, depth, builder.constant(1, logits.dtype), builder.constant(0, logits.dtype)],
    { T: dtypeAttribute(logits.dtype), TI: dtypeAttribute('int32'), axis: { kind: 'int', value: -1 } },
    { dtype: logits.dtype, shape: logits.shape },
  );
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
