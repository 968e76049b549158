import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, dense, reduce, unary } from './arithmetic.ts';
import { identity } from './shape.ts';

/** `max(x, 0)`. */
export function relu(builder: GraphBuilder, x: Tensor): Tensor {
  const output = unary(builder, 'Relu', x);
  builder.record({ inputs: [x], output, backward: (dy) => [dense(binary(builder, 'ReluGrad', dy, output))] });
  return output;
}

/** `tanh(x)`; gradient `dy * (1 - y^2)`. */
export function tanh(builder: GraphBuilder, x: Tensor): Tensor {
  const output = unary(builder, 'Tanh', x);
  builder.record({ inputs: [x], output, backward: (dy) => [dense(binary(builder, 'TanhGrad', output, dy))] });
  return output;
}

/**
 * `x * sigmoid(x)` (SiLU, arXiv 1606.08415; transformers' `silu`). Only `x` is kept: `sigmoid(x)` is computed again in the
 * backward pass, as in {@link gelu}.
 */
export function silu(builder: GraphBuilder, x: Tensor): Tensor {
  const forwardSigmoid = unary(builder, 'Sigmoid', x);
  const output = binary(builder, 'Mul', x, forwardSigmoid);
  const isKept = builder.isRecomputing;
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => {
      const later = identity(builder, x, { controlInputs: [dy.node] });
      // The control edge keeps what is made of it from being made before it is needed.
      const sigmoid = isKept
        ? identity(builder, forwardSigmoid, { controlInputs: [dy.node] })
        : unary(builder, 'Sigmoid', later);
      // d/dx = s + x s (1 - s) = s + y (1 - s)
      const y = binary(builder, 'Mul', later, sigmoid);
      const rest = binary(builder, 'Mul', y, binary(builder, 'Sub', builder.constant(1, x.dtype), sigmoid));
      return [dense(binary(builder, 'Mul', dy, binary(builder, 'AddV2', sigmoid, rest)))];
    },
  });
  return output;
}

/**
 * `x * Phi(x)`, `Phi(x) = (1 + erf(x / sqrt(2))) / 2`: the exact GELU (arXiv 1606.08415; transformers' `gelu`).
 * Only `x` is kept for the backward pass: `Phi(x)` is computed again there, after `dy` is known, which saves one tensor
 * of `[tokens, intermediateSize]` a layer. Inside a recomputation it is kept: the backward pass follows at once.
 */
export function gelu(builder: GraphBuilder, x: Tensor): Tensor {
  const cumulative = (value: Tensor): Tensor => {
    const error = unary(builder, 'Erf', binary(builder, 'Mul', value, builder.constant(Math.SQRT1_2, x.dtype)));
    return binary(
      builder,
      'Mul',
      binary(builder, 'AddV2', error, builder.constant(1, x.dtype)),
      builder.constant(0.5, x.dtype),
    );
  };
  const forwardCumulative = cumulative(x);
  const output = binary(builder, 'Mul', x, forwardCumulative);
  const isKept = builder.isRecomputing;
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => {
      // The control edge keeps the engine from merging this Phi with the forward pass' one.
      const later = identity(builder, x, { controlInputs: [dy.node] });
      // phi(x) = exp(-x^2 / 2 - ln(2 pi) / 2). The factor 1 / sqrt(2 pi) stands in the exponent because the engine's graph
      // optimizer would move a constant factor onto x, into one more tensor of this size.
      const exponent = binary(builder, 'Mul', unary(builder, 'Square', later), builder.constant(-0.5, x.dtype));
      const density = unary(
        builder,
        'Exp',
        binary(builder, 'AddV2', exponent, builder.constant(-0.5 * Math.log(2 * Math.PI), x.dtype)),
      );
      const slope = binary(
        builder,
        'AddV2',
        isKept ? forwardCumulative : cumulative(later),
        binary(builder, 'Mul', later, density),
      );
      return [dense(binary(builder, 'Mul', dy, slope))];
    },
  });
  return output;
}

/** `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`: transformers' `gelu_new` and `gelu_pytorch_tanh`. */
export function geluTanh(builder: GraphBuilder, x: Tensor): Tensor {
  const root = builder.constant(Math.sqrt(2 / Math.PI), x.dtype);
  const cubic = builder.constant(0.044715, x.dtype);
  const half = builder.constant(0.5, x.dtype);
  const one = builder.constant(1, x.dtype);
  const inner = (value: Tensor, square: Tensor): Tensor =>
    unary(
      builder,
      'Tanh',
      binary(
        builder,
        'Mul',
        binary(builder, 'Mul', root, value),
        binary(builder, 'AddV2', one, binary(builder, 'Mul', cubic, square)),
      ),
    );
  const output = binary(
    builder,
    'Mul',
    binary(builder, 'Mul', half, x),
    binary(builder, 'AddV2', one, inner(x, unary(builder, 'Square', x))),
  );
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => {
      const later = identity(builder, x, { controlInputs: [dy.node] });
      const square = unary(builder, 'Square', later);
      const t = inner(later, square);
      // d/dx = (1 + t)/2 + x (1 - t^2) * sqrt(2/pi)/2 (1 + 3 * 0.044715 x^2). The control edges have one term made after the
      // other: the engine would make them at once, with more tensors alive.
      const squareAfter = identity(builder, square, { controlInputs: [t.node] });
      const left = binary(builder, 'Mul', half, binary(builder, 'AddV2', one, t));
      const tanhAfter = identity(builder, t, { controlInputs: [left.node] });
      const innerSlope = binary(
        builder,
        'Mul',
        builder.constant(Math.sqrt(2 / Math.PI) / 2, x.dtype),
        binary(builder, 'AddV2', one, binary(builder, 'Mul', builder.constant(3 * 0.044715, x.dtype), squareAfter)),
      );
      const tanhSlope = binary(builder, 'Sub', one, unary(builder, 'Square', tanhAfter));
      const right = binary(builder, 'Mul', binary(builder, 'Mul', tanhSlope, innerSlope), later);
      return [dense(binary(builder, 'Mul', dy, binary(builder, 'AddV2', left, right)))];
    },
  });
  return output;
}

/** Softmax over the last axis; gradient `(dy - sum(dy * y)) * y`. */
export function softmax(builder: GraphBuilder, x: Tensor): Tensor {
  const output = unary(builder, 'Softmax', x);
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => {
      const inner = reduce(builder, 'Sum', binary(builder, 'Mul', dy, output), [-1], true);
      return [dense(binary(builder, 'Mul', binary(builder, 'Sub', dy, inner), output))];
    },
  });
  return output;
}
