import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFixture } from '../test/fixtures.ts';
import { ConfigReader } from './config-reader.ts';
import { logBucket } from './deberta-buckets.ts';
import { ModelError } from './error.ts';
import { relativePositionBucket } from './relative-position.ts';
import { inverseFrequencies, readRope } from './rope.ts';

/** Made by transformers 5.23; see tools/oracles/src/models/make_fixtures.py. */
const tables = readFixture('tables') as {
  buckets: { first: number; ids: number[] };
  logBuckets: { first: number; bucketCount: number; maxPosition: number; ids: number[] };
  ropes: { parameters: Record<string, unknown>; headSize: number; inverseFrequencies: number[] }[];
};

test('relativePositionBucket puts every distance where torch does', () => {
  const { first, ids } = tables.buckets;
  const buckets = { bucketCount: 32, maxDistance: 128, isBidirectional: true };
  assert.deepEqual(
    ids.map((_, index) => relativePositionBucket(first + index, buckets)),
    ids,
  );
});

test('logBucket puts every distance where torch does', () => {
  const { first, bucketCount, maxPosition, ids } = tables.logBuckets;
  assert.deepEqual(
    ids.map((_, index) => logBucket(first + index, bucketCount, maxPosition)),
    ids,
  );
});

for (const { parameters, headSize, inverseFrequencies: expected } of tables.ropes) {
  const { rope_theta, ...scaling } = parameters;
  const writings = {
    'rope_parameters (transformers 5)': { rope_parameters: parameters },
    'rope_theta and rope_scaling (transformers 4)': { rope_theta, rope_scaling: scaling },
    'type in place of rope_type': {
      rope_theta,
      rope_scaling: { ...scaling, type: scaling['rope_type'], rope_type: undefined },
    },
  };
  for (const [name, config] of Object.entries(writings))
    test(`inverseFrequencies of ${String(parameters['rope_type'])} positions equal torch's, config with ${name}`, () => {
      const actual = inverseFrequencies(readRope(new ConfigReader(config, 'config.json'), 10_000), headSize);
      assert.equal(actual.length, expected.length);
      // torch's float32 power is off by up to 2 units in the last place.
      actual.forEach((value, index) => {
        assert.ok(
          Math.abs(value - expected[index]!) <= 2.5e-7 * expected[index]!,
          `${index}: ${value}, ${expected[index]!}`,
        );
      });
    });
}

const MALFORMED: readonly (readonly [rope: unknown, message: RegExp])[] = [
  [{ rope_type: 'yarn', factor: 4 }, /rope_type is "yarn", expected one of default, linear, llama3/],
  [{ rope_type: 'linear' }, /factor is undefined, expected a number/],
  [{ rope_type: 'linear', factor: 0 }, /factor is 0, expected/],
  [{ rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 1 }, /high_freq_factor is 1, expected/],
  [{ rope_type: 'default', rope_theta: 'x' }, /rope_theta is "x", expected/],
  [{ rope_type: 'default', partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5, expected 1/],
  [[], /rope_parameters is \[\], expected an object/],
  ['linear', /rope_parameters is "linear", expected an object/],
];
for (const [rope, message] of MALFORMED)
  test(`readRope refuses ${JSON.stringify(rope)}`, () => {
    assert.throws(
      () => readRope(new ConfigReader({ rope_parameters: rope }, 'm/config.json'), 10_000),
      (error) =>
        error instanceof ModelError && error.message.startsWith('m/config.json: ') && message.test(error.message),
    );
  });
