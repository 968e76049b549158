import type { BlockPort, GraphSession, TensorValue, VariablePort } from '@pemmican/graph';
import { initializeParameter, readParameterRows, type ParameterSource, type TensorReader } from '@pemmican/models';
import { referenceOrder, type ByteSink, type TensorEntry } from '@pemmican/safetensors';
import type { ProgramParameter, TrainedParameter } from './training-program.ts';

// Large enough that a block's overhead vanishes, small enough that copies of it do not count.
const BLOCK_BYTES = 8 * 1024 * 1024;

interface Block {
  readonly firstRow: number;
  readonly rowCount: number;
}

/** Splits a tensor's rows (a vector's elements) into the blocks that go through a port one by one. */
function blocksOf(port: VariablePort, shape: readonly number[]): Block[] {
  const rows = shape[0] ?? 1;
  if (port.kind === 'whole') return [{ firstRow: 0, rowCount: rows }];
  const rowBytes = shape.slice(1).reduce((product, size) => product * size, 4);
  const step = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  const blocks: Block[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += step)
    blocks.push({ firstRow, rowCount: Math.min(step, rows - firstRow) });
  return blocks;
}

function rowsFeed({ firstRow, rowCount }: Block): TensorValue {
  return {
    dtype: 'int32',
    shape: [rowCount],
    data: Int32Array.from({ length: rowCount }, (_, index) => firstRow + index),
  };
}

function int32Scalar(value: number): TensorValue {
  return { dtype: 'int32', shape: [], data: Int32Array.of(value) };
}

// What is read in one run when small variables are read together.
const READ_GROUP_BYTES = 16 * 1024 * 1024;

/** A variable that is written to a file. */
export interface NamedVariable {
  readonly name: string;
  readonly port: VariablePort;
  readonly shape: readonly number[];
}

/**
 * Variables as tensors of a file, in the order in which files have them, read from the session when they are written.
 * Small ones are read together with those that follow, for the reason that {@link loadVariables} gives.
 */
export function variableEntries(session: GraphSession, variables: readonly NamedVariable[]): TensorEntry[] {
  const values = new Map<string, TensorValue>();
  const entries = variables.map(({ name, port, shape }): TensorEntry => {
    const blocks = blocksOf(port, shape);
    const write = async (sink: ByteSink): Promise<void> => {
      for (const block of blocks) {
        if (blocks.length === 1 && !values.has(name)) readGroup(name);
        const value = values.get(name) ?? session.run(blockFeeds(port, block), [port.readFetch])[0];
        values.delete(name);
        if (value === undefined) throw new Error(`Variable "${name}" was not read`);
        await sink.write(new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength));
      }
    };
    return { name, dtype: 'F32', shape, write };
  });
  const ordered = referenceOrder(entries);
  const variableOf = new Map(variables.map((variable) => [variable.name, variable]));
  const readGroup = (firstName: string): void => {
    const group: NamedVariable[] = [];
    let groupBytes = 0;
    for (const { name } of ordered.slice(ordered.findIndex((entry) => entry.name === firstName))) {
      const variable = variableOf.get(name);
      if (variable === undefined || blocksOf(variable.port, variable.shape).length > 1) continue;
      groupBytes += variable.shape.reduce((product, size) => product * size, 4);
      if (group.length > 0 && groupBytes > READ_GROUP_BYTES) break;
      group.push(variable);
    }
    const feeds = group.map(({ port, shape }) => blockFeeds(port, { firstRow: 0, rowCount: shape[0] ?? 1 }));
    const fetched = session.run(
      Object.assign({}, ...feeds) as Record<string, TensorValue>,
      group.map(({ port }) => port.readFetch),
    );
    group.forEach(({ name }, index) => {
      const value = fetched[index];
      if (value !== undefined) values.set(name, value);
    });
  };
  return ordered;
}

/** Says which rows are read, where that is to be said. */
function blockFeeds(port: VariablePort, { firstRow, rowCount }: Block): Record<string, TensorValue> {
  if (port.kind === 'whole') return {};
  return { [port.firstRowFeed]: int32Scalar(firstRow), [port.rowCountFeed]: int32Scalar(rowCount) };
}

// What is fed in one run when small variables are written together.
const GROUP_BYTES = 64 * 1024 * 1024;

/** A variable to fill and where its rows come from. */
export interface VariableSource {
  readonly port: VariablePort;
  readonly shape: readonly number[];
  readonly readRows: (block: Block) => Promise<Float32Array>;
}

/**
 * Fills variables. They are written together where they can be: the engine optimizes the graph anew for each set of
 * fetches, which takes it longer than the writing itself.
 */
export async function loadVariables(session: GraphSession, variables: readonly VariableSource[]): Promise<void> {
  const inBlocks = variables.map(({ port }) => port).filter((port) => port.kind === 'blocks');
  const runAll = (fetchOf: (port: BlockPort) => string): void => {
    if (inBlocks.length > 0) session.run({}, inBlocks.map(fetchOf));
  };
  runAll(({ beginFetch }) => beginFetch);
  let feeds: Record<string, TensorValue> = {};
  let fetches: string[] = [];
  let fedBytes = 0;
  const flush = (): void => {
    if (fetches.length > 0) session.run(feeds, fetches);
    [feeds, fetches, fedBytes] = [{}, [], 0];
  };
  for (const { port, shape, readRows } of variables) {
    for (const block of blocksOf(port, shape)) {
      const data = await readRows(block);
      // A variable's next block takes the same feeds, so it needs a run of its own.
      if (port.valuesFeed in feeds || fedBytes + data.byteLength > GROUP_BYTES) flush();
      if (port.kind === 'blocks') feeds[port.rowsFeed] = rowsFeed(block);
      feeds[port.valuesFeed] = { dtype: 'float32', shape: [block.rowCount, ...shape.slice(1)], data };
      fetches.push(port.writeFetch);
      fedBytes += data.byteLength;
    }
  }
  flush();
  runAll(({ endFetch }) => endFetch);
}

/** Loads the first value of every parameter: from the checkpoint, or drawn from the seed where it has none. */
export function loadWeights(
  session: GraphSession,
  parameters: readonly Pick<ProgramParameter, 'spec' | 'weight'>[],
  sources: readonly ParameterSource[],
  checkpoint: TensorReader,
  seed: number,
): Promise<void> {
  const variables = parameters.map(({ spec, weight }, index): VariableSource => {
    const source = sources[index];
    if (source === undefined) throw new RangeError(`No source for parameter ${index}`);
    return { port: weight, shape: spec.shape, readRows: rowReader(source, checkpoint, seed) };
  });
  return loadVariables(session, variables);
}

/** Reads blocks of a parameter's first value. */
function rowReader(
  source: ParameterSource,
  checkpoint: TensorReader,
  seed: number,
): (block: Block) => Promise<Float32Array> {
  if (source.checkpointName !== undefined) {
    return ({ firstRow, rowCount }) => readParameterRows(source, checkpoint, firstRow, rowCount);
  }
  const values = initializeParameter(source.spec, seed);
  const rowSize = values.length / (source.spec.shape[0] ?? 1);
  return ({ firstRow, rowCount }) =>
    Promise.resolve(values.subarray(firstRow * rowSize, (firstRow + rowCount) * rowSize));
}

/** Sets every moment to 0, in one run. */
export function clearMoments(session: GraphSession, parameters: readonly TrainedParameter[]): void {
  session.run(
    {},
    parameters.flatMap(({ moment1, moment2 }) => [moment1.zeroFetch, moment2.zeroFetch]),
  );
}
