import { dimensionsEqual, formatShape, type Dimension, type Shape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Gradient, Tensor } from '../tensor.ts';
import { dense, dtypeAttribute } from './arithmetic.ts';
import { dimensionAt, identity } from './shape.ts';

interface Transposes {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

// Casts of one tensor are one node: the engine merges them anyway, and the memory plan has to know.
const casts = new WeakMap<Tensor, Tensor>();

function convert(builder: GraphBuilder, x: Tensor, dtype: 'float32' | 'float64' | 'bfloat16'): Tensor {
  if (x.dtype === dtype) return x;
  const known = casts.get(x);
  if (known?.dtype === dtype) return known;
  const converted = builder.add(
    'Cast',
    [x],
    { SrcT: dtypeAttribute(x.dtype), DstT: dtypeAttribute(dtype) },
    { dtype, shape: x.shape },
  );
  casts.set(x, converted);
  return converted;
}

/** What {@link product} multiplies in place of `x`: for a tensor that meets several others, and that nothing else reads. */
export function asOperand(builder: GraphBuilder, x: Tensor): Tensor {
  return convert(builder, x, builder.matmulDtype);
}

/** A product of (batches of) matrices without a gradient, computed in the builder's `matmulDtype`. */
export function product(builder: GraphBuilder, a: Tensor, b: Tensor, transposes: Transposes): Tensor {
  const { transposeA = false, transposeB = false } = transposes;
  const rank = a.shape.length;
  const [rows, inner] = lastTwo(a.shape, transposeA);
  const [innerB, columns] = lastTwo(b.shape, transposeB);
  const fits =
    b.shape.length === rank &&
    dimensionsEqual(inner, innerB) &&
    a.shape.slice(0, -2).every((d, i) => dimensionsEqual(d, dimensionAt(b.shape, i)));
  if (!fits) {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `matmul of ${formatShape(a.shape)}${transposeA ? '^T' : ''} and ${formatShape(b.shape)}${transposeB ? '^T' : ''}`,
    );
  }
  const dtype = builder.matmulDtype;
  const flags = { kind: 'bool' } as const;
  const names =
    rank === 2 ? (['MatMul', 'transpose_a', 'transpose_b'] as const) : (['BatchMatMulV2', 'adj_x', 'adj_y'] as const);
  const output = builder.add(
    names[0],
    [convert(builder, a, dtype), convert(builder, b, dtype)],
    {
      T: dtypeAttribute(dtype),
      [names[1]]: { ...flags, value: transposeA },
      [names[2]]: { ...flags, value: transposeB },
    },
    { dtype, shape: [...a.shape.slice(0, -2), rows, columns] },
  );
  return convert(builder, output, builder.floatDtype);
}

function lastTwo(shape: Shape, isTransposed: boolean): [Dimension, Dimension] {
  const rows = dimensionAt(shape, shape.length - 2);
  const columns = dimensionAt(shape, shape.length - 1);
  return isTransposed ? [columns, rows] : [rows, columns];
}

/** `a b`, or `a b^T` with `transposeB`, of matrices or equally shaped batches of them. */
export function matmul(builder: GraphBuilder, a: Tensor, b: Tensor, options: { transposeB?: boolean } = {}): Tensor {
  const transposeB = options.transposeB ?? false;
  const output = product(builder, a, b, { transposeB });
  builder.record({
    inputs: [a, b],
    output,
    backward: (dy) => [
      dense(product(builder, dy, b, { transposeB: !transposeB })),
      dense(transposeB ? product(builder, dy, a, { transposeA: true }) : product(builder, a, dy, { transposeA: true })),
    ],
  });
  return output;
}

export interface LinearOptions {
  /** The weight is `[inputSize, outputSize]`, as GPT-2's Conv1D keeps it, and not torch.nn.Linear's `[outputSize, inputSize]`. */
  readonly isInputMajor?: boolean;
}

/**
 * `x W^T + b` with a weight `[outputSize, inputSize]` as torch.nn.Linear keeps it.
 * @param x `[rows, inputSize]`
 * @param bias `[outputSize]`
 */
export function linear(
  builder: GraphBuilder,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  options: LinearOptions = {},
): Tensor {
  const y = product(builder, x, weight, { transposeB: options.isInputMajor !== true });
  if (!dimensionsEqual(dimensionAt(y.shape, 1), dimensionAt(bias.shape, 0))) {
    throw new GraphError(
      'SHAPE_MISMATCH',
      `linear of ${formatShape(x.shape)} with weight ${formatShape(weight.shape)} and bias ${formatShape(bias.shape)}`,
    );
  }
  const T = dtypeAttribute(y.dtype);
  const output = builder.add('BiasAdd', [y, bias], { T }, { dtype: y.dtype, shape: y.shape });
  builder.record({
    inputs: [x, weight, bias],
    output,
    backward: (dy, needs) => [
      ...linearGradients(builder, { x, weight, dy, needs }, options),
      dense(builder.add('BiasAddGrad', [dy], { T }, { dtype: dy.dtype, shape: bias.shape })),
    ],
  });
  return output;
}

/** `x W^T`; see {@link linear}. */
export function linearWithoutBias(builder: GraphBuilder, x: Tensor, weight: Tensor): Tensor {
  const output = product(builder, x, weight, { transposeB: true });
  builder.record({
    inputs: [x, weight],
    output,
    backward: (dy, needs) => linearGradients(builder, { x, weight, dy, needs }, {}),
  });
  return output;
}

interface LinearCall {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly dy: Tensor;
  /** Of x and of the weight. */
  readonly needs: readonly boolean[];
}

/** Gradients of `x` and of the weight. */
function linearGradients(
  builder: GraphBuilder,
  { x, weight, dy, needs: [needsX = true, needsWeight = true] }: LinearCall,
  { isInputMajor = false }: LinearOptions,
): [Gradient | undefined, Gradient | undefined] {
  const inputGradient = (from: Tensor): Gradient => dense(product(builder, from, weight, { transposeB: isInputMajor }));
  // A frozen weight's gradient must not even be made: the control edge below would have it computed.
  if (!needsWeight) return [needsX ? inputGradient(dy) : undefined, undefined];
  const weightGradient = isInputMajor
    ? product(builder, x, dy, { transposeA: true })
    : product(builder, dy, x, { transposeA: true });
  // After the weight's gradient nothing reads x any more: its bytes are free before those of its gradient are taken.
  const later = identity(builder, dy, { controlInputs: [weightGradient.node] });
  return [needsX ? inputGradient(later) : undefined, dense(weightGradient)];
}
