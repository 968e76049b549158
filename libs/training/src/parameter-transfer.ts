import type { GraphSession, TensorValue, VariablePort } from '@pemmican/graph';
import { initializeParameter, readParameterRows, type ParameterSource } from '@pemmican/models';
import type { ByteSink, Checkpoint, TensorEntry } from '@pemmican/safetensors';
import type { ProgramParameter } from './training-program.ts';

// Large enough that a block's overhead vanishes, small enough that copies of it do not count.
const BLOCK_BYTES = 8 * 1024 * 1024;

interface Block {
  readonly firstRow: number;
  readonly rowCount: number;
}

/** Splits a tensor's rows (a vector's elements) into blocks. */
function blocksOf(shape: readonly number[]): Block[] {
  const rows = shape[0] ?? 1;
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

/** Fills a variable block by block. */
export async function writeVariable(
  session: GraphSession,
  port: VariablePort,
  shape: readonly number[],
  readRows: (block: Block) => Promise<Float32Array> | Float32Array,
): Promise<void> {
  session.run({}, [port.beginFetch]);
  for (const block of blocksOf(shape)) {
    const data = await readRows(block);
    session.run(
      {
        [port.rowsFeed]: rowsFeed(block),
        [port.valuesFeed]: { dtype: 'float32', shape: [block.rowCount, ...shape.slice(1)], data },
      },
      [port.writeFetch],
    );
  }
  session.run({}, [port.endFetch]);
}

/** A variable's value as a tensor of a file, read from the session when it is written. */
export function variableEntry(
  session: GraphSession,
  name: string,
  port: VariablePort,
  shape: readonly number[],
): TensorEntry {
  return {
    name,
    dtype: 'F32',
    shape,
    write: async (sink: ByteSink) => {
      for (const block of blocksOf(shape)) {
        const [value] = session.run(
          { [port.firstRowFeed]: int32Scalar(block.firstRow), [port.rowCountFeed]: int32Scalar(block.rowCount) },
          [port.readFetch],
        );
        if (value === undefined) throw new Error(`Variable "${name}" was not read`);
        await sink.write(new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength));
      }
    },
  };
}

/** Loads the first value of every parameter: from the checkpoint, or drawn from the seed where it has none. */
export async function loadWeights(
  session: GraphSession,
  parameters: readonly ProgramParameter[],
  sources: readonly ParameterSource[],
  checkpoint: Checkpoint,
  seed: number,
): Promise<void> {
  for (const [index, parameter] of parameters.entries()) {
    const source = sources[index];
    if (source === undefined) throw new RangeError(`No source for parameter ${index}`);
    const { shape } = parameter.spec;
    if (source.checkpointName === undefined) {
      const values = initializeParameter(parameter.spec, seed);
      const rowSize = values.length / (shape[0] ?? 1);
      await writeVariable(session, parameter.weight, shape, ({ firstRow, rowCount }) =>
        values.subarray(firstRow * rowSize, (firstRow + rowCount) * rowSize),
      );
    } else {
      await writeVariable(session, parameter.weight, shape, ({ firstRow, rowCount }) =>
        readParameterRows(source, checkpoint, firstRow, rowCount),
      );
    }
  }
}

/** Sets every moment to 0. */
export function clearMoments(session: GraphSession, parameters: readonly ProgramParameter[]): void {
  for (const { moment1, moment2 } of parameters) {
    // One run each: equal zero tensors of one run are merged, and two variables would share a buffer.
    session.run({}, [moment1.zeroFetch]);
    session.run({}, [moment2.zeroFetch]);
  }
}
