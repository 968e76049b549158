/**
 * What the tests run in a process of its own, where the environment decides what TensorFlow may take:
 * `node child.ts budget | steps | port`. Prints one line of JSON.
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { EngineError, TensorflowSession } from '@pemmican/engine';
import {
  GraphBuilder,
  assignVariable,
  binary,
  embeddingLookup,
  encodeSavedModel,
  gelu,
  gradients,
  identity,
  matmul,
  readVariable,
  reduce,
  scale,
  squaredErrorMean,
  symbol,
  variable,
  variablePort,
  type TensorValue,
} from '@pemmican/graph';

const ROW_COUNT = 512;
const WIDTH = 256;
const ID_COUNT = 2048;
const RATE = 0.1;

function pseudoRandom(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** A product that takes four times the budget, then one that fits. */
function budget(): unknown {
  const builder = new GraphBuilder();
  const a = builder.placeholder('a', 'float32', [symbol('n'), 1]);
  const b = builder.placeholder('b', 'float32', [1, symbol('m')]);
  const product = reduce(builder, 'Sum', matmul(builder, a, b), [0, 1], false);
  const session = TensorflowSession.open(encodeSavedModel(builder, identity(builder, product, { name: 'sum' })));
  const run = (side: number): number | undefined => {
    const data = new Float32Array(side).fill(1);
    const feeds: Record<string, TensorValue> = {
      a: { dtype: 'float32', shape: [side, 1], data },
      b: { dtype: 'float32', shape: [1, side], data },
    };
    return session.run(feeds, ['sum'])[0]?.data[0];
  };
  const before = run(1024);
  try {
    run(16_384);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { before, code: error.code, message: error.message, after: run(1024) };
  }
  return { before, code: 'none' };
}

/** Ten steps of descent on an embedding with many repeated ids; the digest of every loss and of the last weights. */
function steps(): unknown {
  const builder = new GraphBuilder();
  const ids = builder.placeholder('ids', 'int32', [symbol('count')]);
  const table = variable(builder, 'table', [ROW_COUNT, WIDTH]);
  const weight = variable(builder, 'weight', [WIDTH, WIDTH]);
  const [tableFeed, weightFeed] = [table, weight].map((each) =>
    builder.placeholder(`start/${each.name}`, 'float32', each.shape),
  );
  if (tableFeed === undefined || weightFeed === undefined) throw new Error('No placeholders');
  const begin = [assignVariable(builder, table, tableFeed), assignVariable(builder, weight, weightFeed)];
  identity(builder, builder.constant(1), { name: 'begin', controlInputs: begin });
  const parameters = [readVariable(builder, table), readVariable(builder, weight)] as const;
  const rows = embeddingLookup(builder, parameters[0], ids);
  const hidden = gelu(builder, matmul(builder, rows, parameters[1], { transposeB: true }));
  const targets = builder.placeholder('targets', 'float32', [symbol('count'), WIDTH]);
  const loss = squaredErrorMean(builder, hidden, targets);
  const found = gradients(builder, loss);
  const updates = [table, weight].map((each, index) => {
    const parameter = parameters[index];
    const gradient = parameter === undefined ? undefined : found.getDense(parameter);
    if (parameter === undefined || gradient === undefined) throw new Error(`No gradient flows to ${each.name}`);
    return assignVariable(builder, each, binary(builder, 'Sub', parameter, scale(builder, gradient, RATE)));
  });
  identity(builder, loss, { name: 'step', controlInputs: updates });
  for (const each of [table, weight]) identity(builder, readVariable(builder, each), { name: `read/${each.name}` });
  const session = TensorflowSession.open(encodeSavedModel(builder, loss));
  session.run(
    {
      'start/table': { dtype: 'float32', shape: [ROW_COUNT, WIDTH], data: pseudoRandom(ROW_COUNT * WIDTH, 1) },
      'start/weight': { dtype: 'float32', shape: [WIDTH, WIDTH], data: pseudoRandom(WIDTH * WIDTH, 2) },
    },
    ['begin'],
  );
  const target: TensorValue = {
    dtype: 'float32',
    shape: [ID_COUNT, WIDTH],
    data: new Float32Array(ID_COUNT * WIDTH).fill(0.5),
  };
  const hash = createHash('sha256');
  const losses: (number | undefined)[] = [];
  for (let step = 0; step < 10; step += 1) {
    const data = Int32Array.from(pseudoRandom(ID_COUNT, step + 3), (x) => Math.floor(((x + 1) / 2) ** 4 * ROW_COUNT));
    const output = session.run({ ids: { dtype: 'int32', shape: [ID_COUNT], data }, targets: target }, ['step'])[0];
    losses.push(output?.data[0]);
    hash.update(new Uint8Array(output?.data.buffer ?? new ArrayBuffer(0)));
  }
  for (const { data } of session.run({}, ['read/table', 'read/weight'])) hash.update(new Uint8Array(data.buffer));
  return { digest: hash.digest('hex'), losses };
}

function peakBytes(): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** What JavaScript keeps for later does not count: the tests start this process with --expose-gc. */
function collectGarbage(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

/** Writes and reads a variable of 100 MB by blocks of rows; what that took at its peak. */
function port(): unknown {
  const [rowCount, width, blockRows] = [65_536, 384, 4096];
  const builder = new GraphBuilder();
  const target = variable(builder, 'big', [rowCount, width]);
  const names = variablePort(builder, target);
  if (names.kind !== 'blocks') throw new Error('100 MB are not written whole');
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1)));
  session.run({}, [names.beginFetch]);
  const begin = peakBytes();
  for (let row = 0; row < rowCount; row += blockRows) {
    collectGarbage();
    const rows = Int32Array.from({ length: blockRows }, (_, index) => row + index);
    const data = new Float32Array(blockRows * width);
    for (let index = 0; index < blockRows; index += 1) data[index * width] = row + index;
    session.run(
      {
        [names.rowsFeed]: { dtype: 'int32', shape: [blockRows], data: rows },
        [names.valuesFeed]: { dtype: 'float32', shape: [blockRows, width], data },
      },
      [names.writeFetch],
    );
  }
  session.run({}, [names.endFetch]);
  let wrongRowCount = 0;
  const scalar = (value: number): TensorValue => ({ dtype: 'int32', shape: [], data: Int32Array.of(value) });
  for (let row = 0; row < rowCount; row += blockRows) {
    collectGarbage();
    const feeds = { [names.firstRowFeed]: scalar(row), [names.rowCountFeed]: scalar(blockRows) };
    const block = session.run(feeds, [names.readFetch])[0];
    for (let index = 0; index < blockRows; index += 1) {
      if (block?.data[index * width] !== row + index) wrongRowCount += 1;
    }
  }
  return { variableBytes: 4 * rowCount * width, grownBytes: peakBytes() - begin, wrongRowCount };
}

const parts: Readonly<Record<string, () => unknown>> = { budget, steps, port };
const part = parts[process.argv[2] ?? ''];
if (part === undefined) throw new Error(`Unknown part ${process.argv[2]}`);
process.stdout.write(`${JSON.stringify(part())}\n`);
