import type { GraphBuilder } from '../graph-builder.ts';
import type { GraphNode, Tensor } from '../tensor.ts';
import type { Dtype } from '../dtype.ts';
import { dtypeAttribute } from './arithmetic.ts';
import { dimensionAt, identity } from './shape.ts';

/** A tensor that lives in the session from step to step. */
export interface Variable {
  readonly name: string;
  readonly handle: Tensor;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** A variable with the given node name; it has no value until it is assigned. */
export function variable(
  builder: GraphBuilder,
  name: string,
  shape: readonly number[],
  dtype: Dtype = builder.floatDtype,
): Variable {
  const handle = builder.add(
    'VarHandleOp',
    [],
    {
      dtype: dtypeAttribute(dtype),
      shape: { kind: 'shape', value: shape },
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
  target: Variable,
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
  target: Variable,
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

/** A tensor of zeros of a fixed shape. */
export function zeros(builder: GraphBuilder, shape: readonly number[], dtype: Dtype): Tensor {
  return builder.add(
    'Fill',
    [builder.constant(shape, 'int32', [shape.length]), builder.constant(0, dtype)],
    { T: dtypeAttribute(dtype), index_type: dtypeAttribute('int32') },
    { dtype, shape },
  );
}

/** Node names by which a variable's value goes in and out in blocks of rows. */
export interface VariablePort {
  /** Feed: int32 `[n]`, the rows to write or read. */
  readonly rowsFeed: string;
  /** Feed: `[n, ...]`, the rows' values. */
  readonly valuesFeed: string;
  /** Fetch: writes the fed rows. The variable MUST have a value (see {@link zeroFetch}). */
  readonly writeFetch: string;
  /** Fetch: the fed rows' values. */
  readonly readFetch: string;
  /** Fetch: fills the variable with zeros. */
  readonly zeroFetch: string;
}

/**
 * Adds the nodes of a port under `port/NAME/`. A block at a time keeps the extra memory of loading and saving constant:
 * a whole matrix would exist three times, as the caller's copy, the fed tensor and the variable.
 */
export function variablePort(builder: GraphBuilder, target: Variable): VariablePort {
  const prefix = `port/${target.name}`;
  const int32 = dtypeAttribute('int32');
  const blockRows = { coefficient: 1, symbols: [`${target.name}.rows`] };
  const blockShape = [blockRows, ...target.shape.slice(1)];
  const rows = builder.placeholder(`${prefix}/rows`, 'int32', [blockRows]);
  const values = builder.placeholder(`${prefix}/values`, target.dtype, blockShape);
  const done = builder.constant(1, 'int32');
  const update = builder.addNode(
    'ResourceScatterUpdate',
    [target.handle, rows, values],
    { dtype: dtypeAttribute(target.dtype), Tindices: int32 },
    [],
  );
  identity(builder, done, { name: `${prefix}/write`, controlInputs: [update] });
  builder.add(
    'ResourceGather',
    [target.handle, rows],
    { dtype: dtypeAttribute(target.dtype), Tindices: int32 },
    { dtype: target.dtype, shape: [blockRows, ...target.shape.slice(1)] },
    { name: `${prefix}/read` },
  );
  const clear = assignVariable(builder, target, zeros(builder, target.shape, target.dtype));
  identity(builder, done, { name: `${prefix}/zero`, controlInputs: [clear] });
  dimensionAt(target.shape, 0);
  return {
    rowsFeed: `${prefix}/rows`,
    valuesFeed: `${prefix}/values`,
    writeFetch: `${prefix}/write`,
    readFetch: `${prefix}/read`,
    zeroFetch: `${prefix}/zero`,
  };
}
