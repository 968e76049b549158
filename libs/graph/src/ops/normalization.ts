import { dimensionsEqual, formatShape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, dense, dtypeAttribute, reduce, unary } from './arithmetic.ts';
import { dimensionAt, identity } from './shape.ts';

/**
 * `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis (arXiv 1607.06450), variance biased as in
 * torch.nn.LayerNorm. Kept for the backward pass: `x` and two numbers a row; the normalized value is computed again.
 * @param x `[rows, hiddenSize]`
 * @param gamma `[hiddenSize]`
 * @param beta `[hiddenSize]`
 */
export function layerNorm(builder: GraphBuilder, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  const hidden = dimensionAt(x.shape, 1);
  if (x.shape.length !== 2 || !dimensionsEqual(hidden, dimensionAt(gamma.shape, 0))) {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `layerNorm of ${formatShape(x.shape)} with gamma ${formatShape(gamma.shape)}`,
    );
  }
  const mean = reduce(builder, 'Mean', x, [1], true);
  const variance = reduce(builder, 'Mean', binary(builder, 'SquaredDifference', x, mean), [1], true);
  // Subtracting what is negative gives the same bits as adding, and is not what the engine looks for: with oneDNN it replaces a
  // layer normalization that nothing is kept of by an op of its own, which takes 1e-3 for epsilon whatever it is.
  const inverse = unary(builder, 'Rsqrt', binary(builder, 'Sub', variance, builder.constant(-epsilon, x.dtype)));
  const normalize = (value: Tensor): Tensor => binary(builder, 'Mul', binary(builder, 'Sub', value, mean), inverse);
  const output = binary(builder, 'AddV2', binary(builder, 'Mul', normalize(x), gamma), beta);
  builder.record({
    inputs: [x, gamma, beta],
    output,
    backward: (dy, [, needsGamma = true]) => {
      const normalized = normalize(identity(builder, x, { controlInputs: [dy.node] }));
      const betaGradient = builder.add(
        'BiasAddGrad',
        [dy],
        { T: dtypeAttribute(dy.dtype) },
        { dtype: dy.dtype, shape: beta.shape },
      );
      const gammaGradient = reduce(builder, 'Sum', binary(builder, 'Mul', dy, normalized), [0], false);
      const later = afterNormalized(builder, dy, needsGamma ? gammaGradient : normalized);
      const scaled = binary(builder, 'Mul', later, gamma);
      const meanScaled = reduce(builder, 'Mean', scaled, [1], true);
      const meanProjected = reduce(builder, 'Mean', binary(builder, 'Mul', scaled, normalized), [1], true);
      const centred = binary(
        builder,
        'Sub',
        binary(builder, 'Sub', scaled, meanScaled),
        binary(builder, 'Mul', normalized, meanProjected),
      );
      return [dense(binary(builder, 'Mul', centred, inverse)), dense(gammaGradient), dense(betaGradient)];
    },
  });
  return output;
}

/**
 * `x / sqrt(mean(x^2) + epsilon) * (gamma + offset)` over the last axis (RMSNorm, arXiv 1910.07467). Kept for the backward
 * pass: `x` and one number a row.
 * @param x `[..., hiddenSize]`
 * @param gamma `[hiddenSize]`
 * @param offset what is added to gamma: 1 in Gemma, whose weights count from 0
 */
export function rmsNorm(builder: GraphBuilder, x: Tensor, gamma: Tensor, epsilon: number, offset = 0): Tensor {
  const axis = x.shape.length - 1;
  if (gamma.shape.length !== 1 || !dimensionsEqual(dimensionAt(x.shape, axis), dimensionAt(gamma.shape, 0))) {
    throw new GraphError('SHAPE_MISMATCH', `rmsNorm of ${formatShape(x.shape)} with gamma ${formatShape(gamma.shape)}`);
  }
  const meanSquare = reduce(builder, 'Mean', unary(builder, 'Square', x), [axis], true);
  const inverse = unary(builder, 'Rsqrt', binary(builder, 'AddV2', meanSquare, builder.constant(epsilon, x.dtype)));
  const factor = offset === 0 ? gamma : binary(builder, 'AddV2', gamma, builder.constant(offset, x.dtype));
  const output = binary(builder, 'Mul', binary(builder, 'Mul', x, inverse), factor);
  builder.record({
    inputs: [x, gamma],
    output,
    backward: (dy, [, needsGamma = true]) => {
      const normalized = binary(builder, 'Mul', identity(builder, x, { controlInputs: [dy.node] }), inverse);
      const leading = Array.from({ length: axis }, (_, index) => index);
      const gammaGradient = reduce(builder, 'Sum', binary(builder, 'Mul', dy, normalized), leading, false);
      const later = afterNormalized(builder, dy, needsGamma ? gammaGradient : normalized);
      const scaled = binary(builder, 'Mul', later, factor);
      const meanProjected = reduce(builder, 'Mean', binary(builder, 'Mul', scaled, normalized), [axis], true);
      const centred = binary(builder, 'Sub', scaled, binary(builder, 'Mul', normalized, meanProjected));
      return [dense(binary(builder, 'Mul', centred, inverse)), dense(gammaGradient)];
    },
  });
  return output;
}

/**
 * The gradient once what it meets is there. Left to itself the engine would begin with its product with gamma, which needs nothing else, and
 * hold that through all of a recomputation of `x`.
 */
function afterNormalized(builder: GraphBuilder, dy: Tensor, before: Tensor): Tensor {
  return identity(builder, dy, { controlInputs: [before.node] });
}
