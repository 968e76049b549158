import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  GraphBuilder,
  assignVariable,
  assignAddVariable,
  encodeSavedModel,
  identity,
  matmul,
  readVariable,
  symbol,
  variable,
  type GraphSession,
} from '@pemmican/graph';
import { EngineError } from './error.ts';
import { TensorflowSession, type HostTensor } from './session.ts';

let temporary = '';
const previous = process.env['TMPDIR'];
before(() => {
  temporary = mkdtempSync(path.join(tmpdir(), 'pemmican-engine-'));
  process.env['TMPDIR'] = temporary;
});
after(() => {
  if (previous === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = previous;
  rmSync(temporary, { recursive: true });
});

const floats = (shape: readonly number[], ...data: number[]): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
});

function refuses(run: () => unknown, code: EngineError['code'], pattern: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.match(error.message, pattern);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** `product = a . b`, with free row and column counts. */
function matmulModel(): Uint8Array {
  const builder = new GraphBuilder();
  const a = builder.placeholder('a', 'float32', [symbol('rows'), symbol('inner')]);
  const b = builder.placeholder('b', 'float32', [symbol('inner'), symbol('columns')]);
  const product = identity(builder, matmul(builder, a, b), { name: 'product' });
  identity(builder, a, { name: 'copy' });
  return encodeSavedModel(builder, product);
}

/** A counter: `begin` sets it to what is fed as `start`, `count` adds 1, `read` reads. */
function counterModel(): Uint8Array {
  const builder = new GraphBuilder();
  const one = builder.constant(1);
  const counter = variable(builder, 'counter', []);
  const start = builder.placeholder('start', 'float32', []);
  identity(builder, one, { name: 'begin', controlInputs: [assignVariable(builder, counter, start)] });
  identity(builder, one, { name: 'count', controlInputs: [assignAddVariable(builder, counter, one)] });
  identity(builder, readVariable(builder, counter), { name: 'read' });
  return encodeSavedModel(builder, one);
}

test('TensorflowSession runs a graph by the names of its nodes, with shapes that change from run to run', () => {
  const session: GraphSession = TensorflowSession.open(matmulModel());
  try {
    const a = floats([2, 2], 1, 2, 3, 4);
    assert.deepEqual(session.run({ a, b: floats([2, 2], 5, 6, 7, 8) }, ['product']), [floats([2, 2], 19, 22, 43, 50)]);
    const outputs = session.run({ a, b: floats([2, 1], 5, 6) }, ['product', 'product']);
    assert.deepEqual(outputs, [floats([2, 1], 17, 39), floats([2, 1], 17, 39)]);
  } finally {
    session.dispose();
  }
});

test('TensorflowSession keeps variables from run to run, apart from those of other sessions', () => {
  const [first, second] = [TensorflowSession.open(counterModel()), TensorflowSession.open(counterModel())];
  try {
    first.run({ start: floats([], 10) }, ['begin']);
    second.run({ start: floats([], 20) }, ['begin']);
    for (let step = 0; step < 3; step += 1) first.run({}, ['count']);
    assert.deepEqual(first.run({}, ['read']), [floats([], 13)]);
    assert.deepEqual(second.run({}, ['read']), [floats([], 20)]);
  } finally {
    first.dispose();
    second.dispose();
  }
});

test('TensorflowSession returns values that later runs do not change', () => {
  const session = TensorflowSession.open(counterModel());
  try {
    session.run({ start: floats([], 1) }, ['begin']);
    const [before_] = session.run({}, ['read']);
    session.run({}, ['count']);
    assert.equal(before_?.data[0], 1);
  } finally {
    session.dispose();
  }
});

test('TensorflowSession.run refuses what does not fit the graph, and goes on afterwards', () => {
  const session = TensorflowSession.open(matmulModel());
  try {
    const a = floats([2, 2], 1, 2, 3, 4);
    refuses(
      () => session.run({ a: { ...a, shape: [3, 2] }, b: a }, ['product']),
      'INVALID_ARGUMENT',
      /^Feed "a" has 4 elements, its shape \[3, 2\] needs 6$/,
    );
    refuses(
      () => session.run({ a, b: floats([1, 2], 1, 2) }, ['product']),
      'INVALID_ARGUMENT',
      /[Mm]atrix size-incompatible/,
    );
    refuses(() => session.run({ a }, ['product']), 'INVALID_ARGUMENT', /must feed a value for placeholder tensor 'b'/);
    refuses(() => session.run({ a, nobody: a }, ['product']), 'INVALID_GRAPH', /op name can not be found/);
    refuses(() => session.run({ a, b: a }, ['nobody']), 'INVALID_GRAPH', /op name can not be found/);
    refuses(() => session.run({ a }, ['a']), 'INVALID_ARGUMENT', /both fed and fetched/);
    const wrongDtype: HostTensor = { dtype: 'int32', shape: [2, 2], data: new Int32Array(4) };
    refuses(() => session.run({ a, b: wrongDtype }, ['product']), 'INVALID_ARGUMENT', /int32|float/);
    assert.equal(session.run({ a, b: a }, ['product'])[0]?.data[0], 7);
  } finally {
    session.dispose();
  }
});

test('TensorflowSession.run names a variable that has no value yet', () => {
  const session = TensorflowSession.open(counterModel());
  try {
    refuses(() => session.run({}, ['read']), 'INVALID_GRAPH', /counter/);
  } finally {
    session.dispose();
  }
});

test('TensorflowSession.run tells a number that is not finite where the graph checks for it', () => {
  const builder = new GraphBuilder();
  const x = builder.placeholder('x', 'float32', []);
  const dtype = { kind: 'dtype', value: 'float32' } as const;
  const attributes = { T: dtype, message: { kind: 'string', value: 'loss' } } as const;
  const checked = builder.add('CheckNumerics', [x], attributes, { dtype: 'float32', shape: [] }, { name: 'checked' });
  const session = TensorflowSession.open(encodeSavedModel(builder, checked));
  try {
    assert.deepEqual(session.run({ x: floats([], 2) }, ['checked']), [floats([], 2)]);
    refuses(() => session.run({ x: floats([], Number.NaN) }, ['checked']), 'NON_FINITE', /loss : Tensor had NaN/);
    refuses(() => session.run({ x: floats([], Infinity) }, ['checked']), 'NON_FINITE', /loss : Tensor had (\+)?Inf/);
  } finally {
    session.dispose();
  }
});

test('TensorflowSession.open refuses bytes that are no SavedModel, whole or in part', () => {
  const whole = matmulModel();
  refuses(() => TensorflowSession.open(new Uint8Array()), 'INVALID_GRAPH', /TensorFlow refuses the graph/);
  refuses(
    () => TensorflowSession.open(new TextEncoder().encode('not a protobuf')),
    'INVALID_GRAPH',
    /refuses the graph/,
  );
  for (const part of [0.1, 0.5, 0.9]) {
    const cut = whole.subarray(0, Math.floor(whole.length * part));
    refuses(() => TensorflowSession.open(cut), 'INVALID_GRAPH', /refuses the graph/);
  }
});

test('TensorflowSession.open refuses an op that TensorFlow does not have and names it', () => {
  const builder = new GraphBuilder();
  const odd = builder.add('NoSuchOp', [], {}, { dtype: 'float32', shape: [] });
  refuses(() => TensorflowSession.open(encodeSavedModel(builder, odd)), 'INVALID_GRAPH', /NoSuchOp/);
});

test('TensorflowSession is done with after dispose, which may be called twice', () => {
  const session = TensorflowSession.open(matmulModel());
  session.dispose();
  session.dispose();
  refuses(() => session.run({}, ['product']), 'INVALID_ARGUMENT', /The session is closed/);
});

test('TensorflowSession.open leaves no file behind, whether or not it succeeds', () => {
  TensorflowSession.open(matmulModel()).dispose();
  assert.throws(() => TensorflowSession.open(new Uint8Array(3)));
  assert.deepEqual(readdirSync(temporary), []);
});

// Each run feeds and fetches 16 MB: one tensor kept per run would add up to 3.2 GB.
const LEAK_RUN_COUNT = 200;
const LEAK_LIMIT_BYTES = 400e6;

/** Bytes by which the process grew over many runs. */
function growth(run: () => void): number {
  for (let index = 0; index < 20; index += 1) run();
  const begin = process.memoryUsage.rss();
  for (let index = 0; index < LEAK_RUN_COUNT; index += 1) run();
  return process.memoryUsage.rss() - begin;
}

test('TensorflowSession.run keeps neither feeds nor fetches', () => {
  const session = TensorflowSession.open(matmulModel());
  try {
    const side = 2048;
    const a: HostTensor = { dtype: 'float32', shape: [side, side], data: new Float32Array(side * side) };
    const b = floats([side, 1], ...new Array<number>(side).fill(1));
    const grown = growth(() => session.run({ a, b }, ['copy', 'product']));
    assert.ok(grown < LEAK_LIMIT_BYTES, `grew by ${grown} bytes`);
  } finally {
    session.dispose();
  }
});
