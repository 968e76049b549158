import type { GraphBuilder } from '../graph-builder.ts';
import { DTYPE_SIZE_BYTES } from '../dtype.ts';
import type { GraphNode, Tensor } from '../tensor.ts';
import { dtypeAttribute } from './arithmetic.ts';
import { identity } from './shape.ts';
import { assignVariable, readVariable, variable, zeros, type Variable } from './variable.ts';

/** Bytes up to which a variable goes in and out whole. */
const MAX_WHOLE_PORT_BYTES = 8 * 1024 * 1024;

interface PortNames {
  /** Feed: the values to write, of the variable's shape or, in blocks, `[n, ...]`. */
  readonly valuesFeed: string;
  /** Fetch: writes what is fed. */
  readonly writeFetch: string;
  /** Fetch: the variable's value, or the rows of it that are asked for. */
  readonly readFetch: string;
  /** Fetch: fills the variable with zeros. */
  readonly zeroFetch: string;
}

/** Node names by which a small variable's value goes in and out. */
interface WholePort extends PortNames {
  readonly kind: 'whole';
}

/** Node names by which a large variable's value goes in and out in blocks of rows. */
export interface BlockPort extends PortNames {
  readonly kind: 'blocks';
  /** Feed: int32 `[n]`, the rows to write. */
  readonly rowsFeed: string;
  /** Fetch: makes room for blocks. */
  readonly beginFetch: string;
  /** Fetch: the blocks that were written become the variable's value. */
  readonly endFetch: string;
  /** Feed: int32 scalar, the first row to read. */
  readonly firstRowFeed: string;
  /** Feed: int32 scalar, how many rows to read. */
  readonly rowCountFeed: string;
}

export type VariablePort = WholePort | BlockPort;

/**
 * Adds the nodes of a port under `port/NAME/`: few for a small variable, of which a model has hundreds, and for a large one
 * those that a block at a time takes, so that the caller's extra memory stays constant.
 */
export function variablePort(builder: GraphBuilder, target: Variable): VariablePort {
  const sizeBytes = target.shape.reduce((product, size) => product * size, DTYPE_SIZE_BYTES[target.dtype]);
  return sizeBytes <= MAX_WHOLE_PORT_BYTES ? wholePort(builder, target) : blockPort(builder, target);
}

/**
 * A variable takes its value's buffer, and a fed tensor's may be JavaScript's own: a copy of it is assigned, or an update, on a
 * thread of the engine, would be what lets go of it.
 */
function wholePort(builder: GraphBuilder, target: Variable): WholePort {
  const { names, finish } = portOf(builder, target);
  const { dtype, shape } = target;
  const values = builder.placeholder(names.valuesFeed, dtype, shape);
  const copy = builder.add('DeepCopy', [values], { T: dtypeAttribute(dtype) }, { dtype, shape });
  finish('write', assignVariable(builder, target, copy));
  readVariable(builder, target, [], names.readFetch);
  return { kind: 'whole', ...names };
}

/**
 * Blocks are scattered into a staging variable that is gone afterwards: the first scatter puts a variable into
 * TensorFlow's copy-on-read mode for good, and every step would then copy every weight. Reading slices the variable's
 * shared buffer for the same reason (ResourceGather sets that mode too).
 */
function blockPort(builder: GraphBuilder, target: Variable): BlockPort {
  const { prefix, names, finish } = portOf(builder, target);
  const dtype = dtypeAttribute(target.dtype);
  const int32 = dtypeAttribute('int32');
  const blockShape = [{ coefficient: 1, symbols: [`${target.name}.rows`] }, ...target.shape.slice(1)];
  const staging = variable(builder, `staging/${target.name}`, target.shape, target.dtype);
  finish('begin', assignVariable(builder, staging, zeros(builder, target.shape, target.dtype)));
  const rows = builder.placeholder(`${prefix}/rows`, 'int32', blockShape.slice(0, 1));
  const values = builder.placeholder(names.valuesFeed, target.dtype, blockShape);
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
    { name: names.readFetch },
  );
  return {
    kind: 'blocks',
    ...names,
    rowsFeed: `${prefix}/rows`,
    beginFetch: `${prefix}/begin`,
    endFetch: `${prefix}/end`,
    firstRowFeed: `${prefix}/firstRow`,
    rowCountFeed: `${prefix}/rowCount`,
  };
}

/** What both kinds have: their names, and the nodes that fill the variable with zeros. */
function portOf(
  builder: GraphBuilder,
  target: Variable,
): { prefix: string; names: PortNames; finish: (name: string, node: GraphNode) => void } {
  const prefix = `port/${target.name}`;
  const done = builder.constant(1, 'int32');
  const finish = (name: string, node: GraphNode): void => {
    identity(builder, done, { name: `${prefix}/${name}`, controlInputs: [node] });
  };
  finish('zero', assignVariable(builder, target, zeros(builder, target.shape, target.dtype)));
  const names = {
    valuesFeed: `${prefix}/values`,
    writeFetch: `${prefix}/write`,
    readFetch: `${prefix}/read`,
    zeroFetch: `${prefix}/zero`,
  };
  return { prefix, names, finish };
}
