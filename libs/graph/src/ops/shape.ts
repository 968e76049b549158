import { dimensionsEqual, elementCount, formatShape, type Dimension, type Shape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { GraphNode, Tensor } from '../tensor.ts';
import { concat, dense, dtypeAttribute } from './arithmetic.ts';

/** Values of the symbols in a running graph: int32 scalars, read from the shapes of fed tensors. */
export class RuntimeDimensions {
  readonly #builder: GraphBuilder;
  readonly #symbols = new Map<string, Tensor>();
  readonly #shapes = new Map<string, Tensor>();

  /** @param sources tensors whose dimensions are single symbols, such as token ids `[batch, length]` */
  constructor(builder: GraphBuilder, ...sources: readonly Tensor[]) {
    this.#builder = builder;
    for (const source of sources) this.#readShape(source);
  }

  /** A dimension as an int32 scalar. */
  scalar(dimension: Dimension): Tensor {
    if (typeof dimension === 'number') return this.#builder.constant(dimension, 'int32');
    let product: Tensor | undefined;
    for (const name of dimension.symbols) {
      const value = this.#symbols.get(name);
      if (value === undefined)
        throw new GraphError('UNBOUND_SYMBOL', `Symbol "${name}" is no dimension of the fed tensor`);
      product = product === undefined ? value : this.#multiply(product, value);
    }
    const factor = this.#builder.constant(dimension.coefficient, 'int32');
    if (product === undefined) return factor;
    return dimension.coefficient === 1 ? product : this.#multiply(product, factor);
  }

  /** A shape as an int32 vector; equal shapes are one node. */
  vector(shape: Shape): Tensor {
    if (shape.every((dimension) => typeof dimension === 'number'))
      return this.#builder.constant(shape, 'int32', [shape.length]);
    const key = formatShape(shape);
    let tensor = this.#shapes.get(key);
    if (tensor === undefined) {
      tensor = this.#builder.add(
        'Pack',
        shape.map((dimension) => this.scalar(dimension)),
        { T: dtypeAttribute('int32'), N: { kind: 'int', value: shape.length } },
        { dtype: 'int32', shape: [shape.length] },
      );
      this.#shapes.set(key, tensor);
    }
    return tensor;
  }

  #readShape(source: Tensor): void {
    const sizes = shapeOf(this.#builder, source);
    source.shape.forEach((dimension, index) => {
      if (typeof dimension === 'number') return;
      const name = dimension.symbols[0];
      if (dimension.coefficient !== 1 || dimension.symbols.length !== 1 || name === undefined) {
        throw new GraphError(
          'INVALID_ARGUMENT',
          `Dimension ${index} of ${formatShape(source.shape)} is not a single symbol`,
        );
      }
      this.#symbols.set(name, elementAt(this.#builder, sizes, index));
    });
  }

  #multiply(a: Tensor, b: Tensor): Tensor {
    return this.#builder.add('Mul', [a, b], { T: dtypeAttribute('int32') }, { dtype: 'int32', shape: [] });
  }
}

/** The shape that a tensor has at run time, int32 `[rank]`. */
export function shapeOf(builder: GraphBuilder, x: Tensor): Tensor {
  return builder.add(
    'Shape',
    [x],
    { T: dtypeAttribute(x.dtype), out_type: dtypeAttribute('int32') },
    { dtype: 'int32', shape: [x.shape.length] },
  );
}

/** One element of an int32 vector, a scalar. */
export function elementAt(builder: GraphBuilder, vector: Tensor, index: number): Tensor {
  const bounds = [index, index + 1, 1].map((bound) => builder.constant([bound], 'int32'));
  return builder.add(
    'StridedSlice',
    [vector, ...bounds],
    { T: dtypeAttribute('int32'), Index: dtypeAttribute('int32'), shrink_axis_mask: { kind: 'int', value: 1 } },
    { dtype: 'int32', shape: [] },
  );
}

/** The same elements in another shape. */
export function reshape(builder: GraphBuilder, dimensions: RuntimeDimensions, x: Tensor, shape: Shape): Tensor {
  if (!dimensionsEqual(elementCount(x.shape), elementCount(shape))) {
    throw new GraphError('SHAPE_MISMATCH', `reshape of ${formatShape(x.shape)} to ${formatShape(shape)}`);
  }
  const to = (value: Tensor, target: Shape): Tensor =>
    builder.add(
      'Reshape',
      [value, dimensions.vector(target)],
      { T: dtypeAttribute(value.dtype), Tshape: dtypeAttribute('int32') },
      { dtype: value.dtype, shape: target },
    );
  const output = to(x, shape);
  builder.record({ inputs: [x], output, backward: (dy) => [dense(to(dy, x.shape))] });
  return output;
}

/** Dimensions in another order: output dimension i is input dimension `permutation[i]`. */
export function transpose(builder: GraphBuilder, x: Tensor, permutation: readonly number[]): Tensor {
  const permute = (value: Tensor, order: readonly number[]): Tensor =>
    builder.add(
      'Transpose',
      [value, builder.constant(order, 'int32')],
      { T: dtypeAttribute(value.dtype), Tperm: dtypeAttribute('int32') },
      { dtype: value.dtype, shape: order.map((axis) => dimensionAt(value.shape, axis)) },
    );
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  const output = permute(x, permutation);
  builder.record({ inputs: [x], output, backward: (dy) => [dense(permute(dy, inverse))] });
  return output;
}

/** Equal parts of a matrix's columns: `[rows, size]` to `count` tensors `[rows, size / count]`. */
export function split(builder: GraphBuilder, x: Tensor, count: number): Tensor[] {
  const [rows, size] = [dimensionAt(x.shape, 0), dimensionAt(x.shape, 1)];
  if (x.shape.length !== 2 || typeof size !== 'number' || size % count !== 0)
    throw new GraphError('SHAPE_MISMATCH', `split of ${formatShape(x.shape)} into ${count} parts`);
  const T = dtypeAttribute(x.dtype);
  const part = { dtype: x.dtype, shape: [rows, size / count] };
  const { outputs } = builder.addNode(
    'Split',
    [builder.constant(1, 'int32'), x],
    { T, num_split: { kind: 'int', value: count } },
    Array.from({ length: count }, () => part),
  );
  builder.recordAll({
    inputs: [x],
    outputs,
    backward: (gradients) => {
      const parts = gradients.map(
        (gradient, index) => gradient ?? builder.add('ZerosLike', [outputs[index] ?? x], { T }, part),
      );
      return [dense(concat(builder, parts, 1, size))];
    },
  });
  return outputs;
}

/** The same value, after `controlInputs` ran. */
export function identity(
  builder: GraphBuilder,
  x: Tensor,
  options: { name?: string; controlInputs?: readonly GraphNode[] } = {},
): Tensor {
  return builder.add('Identity', [x], { T: dtypeAttribute(x.dtype) }, { dtype: x.dtype, shape: x.shape }, options);
}

/** A node that runs after others and has no value. */
export function group(builder: GraphBuilder, controlInputs: readonly GraphNode[], name?: string): GraphNode {
  return builder.addNode('NoOp', [], {}, [], { controlInputs, ...(name === undefined ? {} : { name }) });
}

/** `x[:, 0, :]` of `[batch, length, hiddenSize]`. */
export function firstToken(builder: GraphBuilder, dimensions: RuntimeDimensions, x: Tensor): Tensor {
  const [batch, length, hidden] = [dimensionAt(x.shape, 0), dimensionAt(x.shape, 1), dimensionAt(x.shape, 2)];
  const bounds = [
    builder.constant([0, 0], 'int32'),
    builder.constant([0, 1], 'int32'),
    builder.constant([1, 1], 'int32'),
  ];
  const attributes = {
    T: dtypeAttribute(x.dtype),
    Index: dtypeAttribute('int32'),
    begin_mask: { kind: 'int', value: 1 },
    end_mask: { kind: 'int', value: 1 },
    shrink_axis_mask: { kind: 'int', value: 2 },
  } as const;
  const output = builder.add('StridedSlice', [x, ...bounds], attributes, { dtype: x.dtype, shape: [batch, hidden] });
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => [
      dense(
        builder.add('StridedSliceGrad', [dimensions.vector([batch, length, hidden]), ...bounds, dy], attributes, {
          dtype: x.dtype,
          shape: x.shape,
        }),
      ),
    ],
  });
  return output;
}

export function dimensionAt(shape: Shape, axis: number): Dimension {
  const dimension = shape[axis];
  if (dimension === undefined)
    throw new GraphError('SHAPE_MISMATCH', `Shape ${formatShape(shape)} has no axis ${axis}`);
  return dimension;
}
