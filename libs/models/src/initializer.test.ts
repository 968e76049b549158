import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelError, SeededRandom, initializeParameter } from './mod.ts';

test('SeededRandom gives the numbers of splitmix64', () => {
  // The generator's published outputs for the seed 1234567, from the second on: 3203168211198807973, 9817491932198370423,
  // 4593380528125082431, 16408922859458223821. A uniform number is the upper 53 bits of one.
  const random = new SeededRandom(1234567, '');
  for (const output of [3203168211198807973n, 9817491932198370423n, 4593380528125082431n, 16408922859458223821n])
    assert.equal(random.uniform(), Number(output >> 11n) / 2 ** 53);
});

test('SeededRandom draws apart for other seeds and other streams', () => {
  const draw = (seed: number, stream: string): number => new SeededRandom(seed, stream).uniform();
  assert.equal(draw(42, 'shuffle:1'), draw(42, 'shuffle:1'));
  const draws = [draw(42, 'shuffle:1'), draw(42, 'shuffle:2'), draw(43, 'shuffle:1'), draw(-42, 'shuffle:1')];
  assert.equal(new Set(draws).size, draws.length);
});

test('SeededRandom.normal has the moments of a standard normal', () => {
  const random = new SeededRandom(7, 'moments');
  const count = 40_000;
  const draws = Array.from({ length: count }, () => random.normal());
  const moment = (power: number): number => draws.reduce((sum, value) => sum + value ** power, 0) / count;
  // Five standard errors: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n).
  assert.ok(Math.abs(moment(1)) < 5 * Math.sqrt(1 / count));
  assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt(2 / count));
  assert.ok(Math.abs(moment(3)) < 5 * Math.sqrt(15 / count));
  assert.ok(Math.abs(moment(4) - 3) < 5 * Math.sqrt(96 / count));
});

test('SeededRandom.integer stays in its range and reaches all of it', () => {
  const random = new SeededRandom(1, 'integers');
  const seen = new Set(Array.from({ length: 500 }, () => random.integer(7)));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5, 6]);
});

test('initializeParameter draws a head from seed and name, N(0, 0.02)', () => {
  const spec = {
    name: 'classifier.weight',
    shape: [40, 384],
    hasWeightDecay: true,
    initializer: { kind: 'normal', standardDeviation: 0.02 },
  } as const;
  const values = initializeParameter(spec, 42);
  assert.equal(values.length, 40 * 384);
  assert.deepEqual(values, initializeParameter(spec, 42));
  assert.notDeepEqual(values, initializeParameter(spec, 43));
  assert.notDeepEqual(values, initializeParameter({ ...spec, name: 'bert.pooler.dense.weight' }, 42));
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  assert.ok(Math.abs(deviation / 0.02 - 1) < 5 / Math.sqrt(2 * values.length), `${deviation}`);
});

test('initializeParameter fills constants and refuses a parameter that only a checkpoint can give', () => {
  const spec = { name: 'x', shape: [3], hasWeightDecay: false };
  assert.deepEqual(initializeParameter({ ...spec, initializer: { kind: 'zeros' } }, 1), Float32Array.of(0, 0, 0));
  assert.deepEqual(initializeParameter({ ...spec, initializer: { kind: 'ones' } }, 1), Float32Array.of(1, 1, 1));
  assert.throws(
    () => initializeParameter(spec, 1),
    (error) => error instanceof ModelError && error.code === 'MISSING_TENSOR',
  );
});
