import {
  assignVariable,
  binary,
  dtypeAttribute,
  group,
  identity,
  readVariable,
  rowIdsOf,
  rowsOf,
  segmentSum,
  setRowsInPlace,
  variable,
  type GraphBuilder,
  type GraphNode,
  type RowBlock,
  type RowGradient,
  type Tensor,
  type Variable,
} from '@pemmican/graph';
import { adam, type OptimizedVariable, type Update, type UpdateOptions } from './adamw.ts';

// What a block of rows takes, of each of weight, moments and gradient. They stay in the processor's cache.
const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Bytes from which a matrix of row gradients is updated in blocks: copying them takes time (some 1.3 ms a MB on two cores), which
 * only a gradient that would not go unnoticed is worth.
 */
const MIN_BYTES = 128 * 1024 * 1024;

type Scratch = Pick<OptimizedVariable, 'weight' | 'moment1' | 'moment2'>;

/** Whether an update of a matrix by a row gradient goes block by block: a dense gradient of all its rows would take much. */
export function isUpdatedInBlocks({ weight: { shape } }: { readonly weight: Pick<Variable, 'shape'> }): boolean {
  return shape.length === 2 && shape.reduce((product, size) => product * size, 4) >= MIN_BYTES;
}

/**
 * One AdamW update of a matrix `[rowCount, hiddenSize]`, a block of rows after the other: AdamW changes every row, also those that
 * have no gradient, and what it needs of the gradient is dense in a block only. A block is copied to variables of its own,
 * updated there by the op that updates all others, so that the bits are the same, and written back in place.
 */
export function applyAdamWInBlocks(
  builder: GraphBuilder,
  target: OptimizedVariable,
  gradient: RowGradient,
  { factor, feeds, betas, isDecaying, after }: UpdateOptions,
): Update {
  const [rowCount = 0, hiddenSize = 0] = target.weight.shape;
  // The factor is known only when every gradient is, so after every reader of the weight.
  const before = after === undefined ? [factor.node] : [factor.node, after];
  const values = binary(builder, 'Mul', gradient.values, identity(builder, factor, { controlInputs: before }));
  const [weight, moment1, moment2] = [target.weight, target.moment1, target.moment2].map((one) =>
    readVariable(builder, one, before),
  ) as [Tensor, Tensor, Tensor];
  const blockRowCount = Math.max(1, Math.floor(BLOCK_BYTES / (4 * hiddenSize)));
  const scratches = new Map<number, Scratch>();
  const dense: Tensor[] = [];
  let last: readonly GraphNode[] = before;
  for (let firstRow = 0; firstRow < rowCount; firstRow += blockRowCount) {
    const block = { firstRow, rowCount: Math.min(blockRowCount, rowCount - firstRow) };
    const scratch = scratches.get(block.rowCount) ?? scratchOf(builder, target.weight, [block.rowCount, hiddenSize]);
    scratches.set(block.rowCount, scratch);
    const blockGradient = denseBlock(builder, { ...gradient, values }, block, last);
    dense.push(blockGradient);
    const copies = [
      { matrix: weight, copy: scratch.weight, isDecayed: isDecaying && target.hasWeightDecay },
      { matrix: moment1, copy: scratch.moment1, isDecayed: false },
      { matrix: moment2, copy: scratch.moment2, isDecayed: false },
    ];
    const copied = copies.map(({ matrix, copy, isDecayed }) => {
      const rows = rowsOf(builder, matrix, block, last);
      return assignVariable(builder, copy, isDecayed ? binary(builder, 'Mul', rows, feeds.decayFactor) : rows, last);
    });
    const update = adam(builder, scratch, blockGradient, feeds, betas, copied);
    const rowIds = rowIdsOf(builder, block);
    last = copies.map(
      ({ matrix, copy }) => setRowsInPlace(builder, matrix, rowIds, readVariable(builder, copy, [update])).node,
    );
  }
  return { update: group(builder, last), dense };
}

/** Variables for a block of a matrix; all blocks of a size share them. */
function scratchOf(builder: GraphBuilder, weight: Variable, shape: readonly number[]): Scratch {
  const scratch = (kind: string): Variable => variable(builder, `block/${kind}/${shape[0] ?? 0}/${weight.name}`, shape);
  return { weight: scratch('weight'), moment1: scratch('moment1'), moment2: scratch('moment2') };
}

/** The rows of a gradient that are in a block, as a dense tensor of the block. */
function denseBlock(
  builder: GraphBuilder,
  { ids, values }: RowGradient,
  { firstRow, rowCount }: RowBlock,
  after: readonly GraphNode[],
): Tensor {
  const int32 = dtypeAttribute('int32');
  const own = identity(builder, ids, { controlInputs: after });
  const local = binary(builder, 'Sub', own, builder.constant(firstRow, 'int32'));
  const isBelowEnd = builder.add(
    'Less',
    [local, builder.constant(rowCount, 'int32')],
    { T: int32 },
    { dtype: 'bool', shape: local.shape },
  );
  // The sum leaves out what is below 0, and fails on what is past the end.
  const inside = builder.add(
    'SelectV2',
    [isBelowEnd, local, builder.constant(-1, 'int32')],
    { T: int32 },
    { dtype: 'int32', shape: local.shape },
  );
  return segmentSum(builder, values, inside, builder.constant(rowCount, 'int32'), rowCount);
}
