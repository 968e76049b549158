import type { GraphBuilder } from '../graph-builder.ts';
import type { GraphNode, Tensor } from '../tensor.ts';
import type { Shape } from '../dimension.ts';
import type { Dtype } from '../dtype.ts';
import { dtypeAttribute } from './arithmetic.ts';
import { identity } from './shape.ts';

/** A tensor that lives in the session from step to step. */
export interface Variable<VariableShape extends Shape = readonly number[]> {
  readonly name: string;
  readonly handle: Tensor;
  readonly dtype: Dtype;
  readonly shape: VariableShape;
}

/**
 * A variable with the given node name; it has no value until it is assigned.
 * @param shape may have symbolic dimensions, which every assignment may change
 */
export function variable<VariableShape extends Shape>(
  builder: GraphBuilder,
  name: string,
  shape: VariableShape,
  dtype: Dtype = builder.floatDtype,
): Variable<VariableShape> {
  const declared = shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  const handle = builder.add(
    'VarHandleOp',
    [],
    {
      dtype: dtypeAttribute(dtype),
      shape: { kind: 'shape', value: declared },
      shared_name: { kind: 'string', value: name },
      container: { kind: 'string', value: '' },
    },
    { dtype: 'resource', shape: [] },
    { name },
  );
  return { name, handle, dtype, shape };
}

/** The variable's value, sharing its buffer. */
export function readVariable(
  builder: GraphBuilder,
  target: Variable<Shape>,
  controlInputs: readonly GraphNode[] = [],
): Tensor {
  return builder.add(
    'ReadVariableOp',
    [target.handle],
    { dtype: dtypeAttribute(target.dtype) },
    { dtype: target.dtype, shape: target.shape },
    { controlInputs },
  );
}

/** Sets the variable to `value`. */
export function assignVariable(
  builder: GraphBuilder,
  target: Variable<Shape>,
  value: Tensor,
  controlInputs: readonly GraphNode[] = [],
): GraphNode {
  return builder.addNode('AssignVariableOp', [target.handle, value], { dtype: dtypeAttribute(target.dtype) }, [], {
    controlInputs,
  });
}

/** Adds `value` to the variable in place. */
export function assignAddVariable(builder: GraphBuilder, target: Variable, value: Tensor): GraphNode {
  return builder.addNode('AssignAddVariableOp', [target.handle, value], { dtype: dtypeAttribute(target.dtype) }, []);
}

/**
 * A tensor of zeros of a fixed shape. A `Fill` would be folded into a constant that the session then keeps for good: as
 * many bytes again as the weights and both moments. `Empty` counts as stateful, so it is left alone.
 */
export function zeros(
  builder: GraphBuilder,
  shape: readonly number[],
  dtype: Dtype,
  controlInputs: readonly GraphNode[] = [],
): Tensor {
  return builder.add(
    'Empty',
    [builder.constant(shape, 'int32', [shape.length])],
    { dtype: dtypeAttribute(dtype), init: { kind: 'bool', value: true } },
    { dtype, shape },
    { controlInputs },
  );
}

/** Node names by which a variable's value goes in and out in blocks of rows. */
export interface VariablePort {
  /** Feed: int32 `[n]`, the rows to write. */
  readonly rowsFeed: string;
  /** Feed: `[n, ...]`, the rows' values. */
  readonly valuesFeed: string;
  /** Fetch: makes room for blocks. */
  readonly beginFetch: string;
  /** Fetch: writes the fed rows. */
  readonly writeFetch: string;
  /** Fetch: the blocks that were written become the variable's value. */
  readonly endFetch: string;
  /** Feed: int32 scalar, the first row to read. */
  readonly firstRowFeed: string;
  /** Feed: int32 scalar, how many rows to read. */
  readonly rowCountFeed: string;
  /** Fetch: the rows' values. */
  readonly readFetch: string;
  /** Fetch: fills the variable with zeros. */
  readonly zeroFetch: string;
}

/**
 * Adds the nodes of a port under `port/NAME/`. A block at a time keeps the caller's extra memory constant.
 *
 * Blocks are scattered into a staging variable that is gone afterwards: the first scatter puts a variable into
 * TensorFlow's copy-on-read mode for good, and every step would then copy every weight. Reading slices the variable's
 * shared buffer for the same reason (ResourceGather sets that mode too).
 */
export function variablePort(builder: GraphBuilder, target: Variable): VariablePort {
  const prefix = `port/${target.name}`;
  const dtype = dtypeAttribute(target.dtype);
  const int32 = dtypeAttribute('int32');
  const blockShape = [{ coefficient: 1, symbols: [`${target.name}.rows`] }, ...target.shape.slice(1)];
  const done = builder.constant(1, 'int32');
  const finish = (name: string, node: GraphNode): void => {
    identity(builder, done, { name: `${prefix}/${name}`, controlInputs: [node] });
  };
  const staging = variable(builder, `staging/${target.name}`, target.shape, target.dtype);
  finish('begin', assignVariable(builder, staging, zeros(builder, target.shape, target.dtype)));
  const rows = builder.placeholder(`${prefix}/rows`, 'int32', blockShape.slice(0, 1));
  const values = builder.placeholder(`${prefix}/values`, target.dtype, blockShape);
  finish(
    'write',
    builder.addNode('ResourceScatterUpdate', [staging.handle, rows, values], { dtype, Tindices: int32 }, []),
  );
  const taken = assignVariable(builder, target, readVariable(builder, staging));
  finish(
    'end',
    builder.addNode('DestroyResourceOp', [staging.handle], { ignore_lookup_error: { kind: 'bool', value: true } }, [], {
      controlInputs: [taken],
    }),
  );
  finish('zero', assignVariable(builder, target, zeros(builder, target.shape, target.dtype)));

  const firstRow = builder.placeholder(`${prefix}/firstRow`, 'int32', []);
  const rowCount = builder.placeholder(`${prefix}/rowCount`, 'int32', []);
  const rest = target.shape.slice(1);
  const vector = (first: Tensor, others: readonly number[]): Tensor =>
    builder.add(
      'Pack',
      [first, ...others.map((size) => builder.constant(size, 'int32'))],
      { T: int32, N: { kind: 'int', value: rest.length + 1 } },
      { dtype: 'int32', shape: [rest.length + 1] },
    );
  builder.add(
    'Slice',
    [
      readVariable(builder, target),
      vector(
        firstRow,
        rest.map(() => 0),
      ),
      vector(rowCount, rest),
    ],
    { T: dtype, Index: int32 },
    { dtype: target.dtype, shape: blockShape },
    { name: `${prefix}/read` },
  );
  return {
    rowsFeed: `${prefix}/rows`,
    valuesFeed: `${prefix}/values`,
    beginFetch: `${prefix}/begin`,
    writeFetch: `${prefix}/write`,
    endFetch: `${prefix}/end`,
    firstRowFeed: `${prefix}/firstRow`,
    rowCountFeed: `${prefix}/rowCount`,
    readFetch: `${prefix}/read`,
    zeroFetch: `${prefix}/zero`,
  };
}
