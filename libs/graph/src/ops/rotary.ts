import { formatShape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, concat, dense, dtypeAttribute, unary } from './arithmetic.ts';
import { dimensionAt } from './shape.ts';

/**
 * Rotary position embedding (RoPE, arXiv 2104.09864) in the layout of transformers' Llama: element i of a head's first half
 * is paired with element i of its second half, `x * cos + rotateHalf(x) * sin`.
 *
 * A rotation's transpose is the rotation by the opposite angle, so nothing but the angles is kept for the backward pass.
 * @param x `[..., length, headSize]`
 * @param cosine `[length, headSize]`, each angle in both halves
 * @param sine like `cosine`
 */
export function rotary(builder: GraphBuilder, x: Tensor, cosine: Tensor, sine: Tensor): Tensor {
  const headSize = dimensionAt(x.shape, x.shape.length - 1);
  if (typeof headSize !== 'number' || headSize % 2 !== 0)
    throw new GraphError('SHAPE_MISMATCH', `rotary of ${formatShape(x.shape)}: the last dimension is not even`);
  const output = rotate(builder, x, cosine, sine);
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => [dense(rotate(builder, dy, cosine, unary(builder, 'Neg', sine)))],
  });
  return output;
}

function rotate(builder: GraphBuilder, x: Tensor, cosine: Tensor, sine: Tensor): Tensor {
  const rotated = binary(builder, 'Mul', rotateHalf(builder, x), sine);
  return binary(builder, 'AddV2', binary(builder, 'Mul', x, cosine), rotated);
}

/** `[-second half, first half]` of the last axis. */
function rotateHalf(builder: GraphBuilder, x: Tensor): Tensor {
  const axis = x.shape.length - 1;
  const half = Number(dimensionAt(x.shape, axis)) / 2;
  const T = dtypeAttribute(x.dtype);
  const halfShape = [...x.shape.slice(0, axis), half];
  const halves = builder.addNode(
    'Split',
    [builder.constant(axis, 'int32'), x],
    { T, num_split: { kind: 'int', value: 2 } },
    [
      { dtype: x.dtype, shape: halfShape },
      { dtype: x.dtype, shape: halfShape },
    ],
  ).outputs;
  const [first, second] = halves as [Tensor, Tensor];
  return concat(builder, [unary(builder, 'Neg', second), first], axis, dimensionAt(x.shape, axis));
}
