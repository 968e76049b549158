import type { GraphBuilder } from '../graph-builder.ts';
import type { GraphNode, Tensor } from '../tensor.ts';
import type { Shape } from '../dimension.ts';
import type { Dtype } from '../dtype.ts';
import { dtypeAttribute } from './arithmetic.ts';

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
  name?: string,
): Tensor {
  return builder.add(
    'ReadVariableOp',
    [target.handle],
    { dtype: dtypeAttribute(target.dtype) },
    { dtype: target.dtype, shape: target.shape },
    { controlInputs, ...(name === undefined ? {} : { name }) },
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
