import { broadcastShapes, formatShape, shapesEqual, type Dimension, type Shape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { Dtype } from '../dtype.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Attribute, Gradient, Tensor } from '../tensor.ts';

export function dtypeAttribute(value: Dtype): Attribute {
  return { kind: 'dtype', value };
}

export function dense(value: Tensor): Gradient {
  return { kind: 'dense', value };
}

function binaryShape(op: string, a: Tensor, b: Tensor): Shape {
  if (a.dtype !== b.dtype) throw new GraphError('DTYPE_MISMATCH', `${op} of ${a.dtype} and ${b.dtype}`);
  const shape = broadcastShapes(a.shape, b.shape);
  if (shape === undefined)
    throw new GraphError('SHAPE_MISMATCH', `${op} of shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  return shape;
}

/** An elementwise op of two operands, without a gradient. */
export function binary(builder: GraphBuilder, op: string, a: Tensor, b: Tensor): Tensor {
  return builder.add(op, [a, b], { T: dtypeAttribute(a.dtype) }, { dtype: a.dtype, shape: binaryShape(op, a, b) });
}

/** An elementwise op of one operand, without a gradient. */
export function unary(builder: GraphBuilder, op: string, x: Tensor): Tensor {
  return builder.add(op, [x], { T: dtypeAttribute(x.dtype) }, { dtype: x.dtype, shape: x.shape });
}

/** `Sum` or `Mean` over axes, without a gradient. */
export function reduce(
  builder: GraphBuilder,
  op: 'Sum' | 'Mean',
  x: Tensor,
  axes: readonly number[],
  keepDimensions: boolean,
): Tensor {
  const positive = axes.map((axis) => (axis < 0 ? x.shape.length + axis : axis));
  const shape: Dimension[] = [];
  x.shape.forEach((dimension, index) => {
    if (!positive.includes(index)) shape.push(dimension);
    else if (keepDimensions) shape.push(1);
  });
  return builder.add(
    op,
    [x, builder.constant(positive, 'int32')],
    { T: dtypeAttribute(x.dtype), Tidx: dtypeAttribute('int32'), keep_dims: { kind: 'bool', value: keepDimensions } },
    { dtype: x.dtype, shape },
  );
}

/** Sums a gradient over the dimensions that broadcasting added, so that it has the operand's shape. */
function unbroadcast(builder: GraphBuilder, gradient: Tensor, shape: Shape): Tensor {
  if (shapesEqual(gradient.shape, shape)) return gradient;
  const added = gradient.shape.length - shape.length;
  const leading = Array.from({ length: added }, (_, index) => index);
  const stretched = shape.flatMap((dimension, index) =>
    dimension === 1 && gradient.shape[index + added] !== 1 ? [index + added] : [],
  );
  let result = gradient;
  if (stretched.length > 0) result = reduce(builder, 'Sum', result, stretched, true);
  return leading.length > 0 ? reduce(builder, 'Sum', result, leading, false) : result;
}

/** `a + b` with broadcasting. */
export function add(builder: GraphBuilder, a: Tensor, b: Tensor): Tensor {
  const output = binary(builder, 'AddV2', a, b);
  builder.record({
    inputs: [a, b],
    output,
    backward: (dy) => [dense(unbroadcast(builder, dy, a.shape)), dense(unbroadcast(builder, dy, b.shape))],
  });
  return output;
}

/** `a - b` with broadcasting. */
export function subtract(builder: GraphBuilder, a: Tensor, b: Tensor): Tensor {
  const output = binary(builder, 'Sub', a, b);
  builder.record({
    inputs: [a, b],
    output,
    backward: (dy) => [
      dense(unbroadcast(builder, dy, a.shape)),
      dense(unbroadcast(builder, unary(builder, 'Neg', dy), b.shape)),
    ],
  });
  return output;
}

/** `a * b` with broadcasting. */
export function multiply(builder: GraphBuilder, a: Tensor, b: Tensor): Tensor {
  const output = binary(builder, 'Mul', a, b);
  builder.record({
    inputs: [a, b],
    output,
    backward: (dy) => [
      dense(unbroadcast(builder, binary(builder, 'Mul', dy, b), a.shape)),
      dense(unbroadcast(builder, binary(builder, 'Mul', dy, a), b.shape)),
    ],
  });
  return output;
}

/** `x * factor` with a number that is fixed when the graph is built. */
export function scale(builder: GraphBuilder, x: Tensor, factor: number): Tensor {
  const constant = builder.constant(factor, x.dtype);
  const output = binary(builder, 'Mul', x, constant);
  builder.record({ inputs: [x], output, backward: (dy) => [dense(binary(builder, 'Mul', dy, constant))] });
  return output;
}

/** `x + term` where no gradient flows to `term` (an attention mask). */
export function addConstant(builder: GraphBuilder, x: Tensor, term: Tensor): Tensor {
  const output = binary(builder, 'AddV2', x, term);
  if (!shapesEqual(output.shape, x.shape))
    throw new GraphError(
      'SHAPE_MISMATCH',
      `addConstant of shapes ${formatShape(x.shape)} and ${formatShape(term.shape)}`,
    );
  builder.record({ inputs: [x], output, backward: (dy) => [dense(dy)] });
  return output;
}

/** `x * factor` where no gradient flows to `factor` (a mask of tokens). */
export function multiplyConstant(builder: GraphBuilder, x: Tensor, factor: Tensor): Tensor {
  const output = binary(builder, 'Mul', x, factor);
  if (!shapesEqual(output.shape, x.shape))
    throw new GraphError(
      'SHAPE_MISMATCH',
      `multiplyConstant of shapes ${formatShape(x.shape)} and ${formatShape(factor.shape)}`,
    );
  builder.record({ inputs: [x], output, backward: (dy) => [dense(binary(builder, 'Mul', dy, factor))] });
  return output;
}

/** Converts elements; the gradient is converted back. */
export function cast(builder: GraphBuilder, x: Tensor, dtype: Dtype): Tensor {
  if (x.dtype === dtype) return x;
  const convert = (value: Tensor, to: Dtype): Tensor =>
    builder.add(
      'Cast',
      [value],
      { SrcT: dtypeAttribute(value.dtype), DstT: dtypeAttribute(to) },
      { dtype: to, shape: value.shape },
    );
  const output = convert(x, dtype);
  builder.record({ inputs: [x], output, backward: (dy) => [dense(convert(dy, x.dtype))] });
  return output;
}

/** Rows (elements, of a vector) `ids` of a tensor, without a gradient: `[..., rest]` for `ids` `[...]` and `[rows, rest]`. */
export function gather(builder: GraphBuilder, x: Tensor, ids: Tensor): Tensor {
  const int32 = dtypeAttribute('int32');
  return builder.add(
    'GatherV2',
    [x, ids, builder.constant(0, 'int32')],
    { Tparams: dtypeAttribute(x.dtype), Tindices: int32, Taxis: int32 },
    { dtype: x.dtype, shape: [...ids.shape, ...x.shape.slice(1)] },
  );
}

/**
 * Row i is the sum of the rows of `values` whose id is i, without a gradient.
 * @param count int32 scalar, how many rows there are
 * @param rowCount the same as a dimension
 */
export function segmentSum(
  builder: GraphBuilder,
  values: Tensor,
  ids: Tensor,
  count: Tensor,
  rowCount: Dimension,
): Tensor {
  const int32 = dtypeAttribute('int32');
  return builder.add(
    'UnsortedSegmentSum',
    [values, ids, count],
    { T: dtypeAttribute(values.dtype), Tindices: int32, Tnumsegments: int32 },
    { dtype: values.dtype, shape: [rowCount, ...values.shape.slice(1)] },
  );
}

/**
 * Tensors one after another along an axis, without a gradient.
 * @param size of the whole along that axis
 */
export function concat(builder: GraphBuilder, parts: readonly Tensor[], axis: number, size: Dimension): Tensor {
  const [first] = parts;
  if (first === undefined) throw new GraphError('INVALID_ARGUMENT', 'concat of no tensors');
  return builder.add(
    'ConcatV2',
    [...parts, builder.constant(axis, 'int32')],
    { T: dtypeAttribute(first.dtype), N: { kind: 'int', value: parts.length }, Tidx: dtypeAttribute('int32') },
    { dtype: first.dtype, shape: first.shape.map((own, index) => (index === axis ? size : own)) },
  );
}
