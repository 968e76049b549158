import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatBytes, formatDuration, formatMetric } from './units.ts';

test('formatBytes gives three significant digits and never "1000"', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(999), '999 B');
  assert.equal(formatBytes(1000), '1.00 kB');
  assert.equal(formatBytes(999_600), '1.00 MB');
  assert.equal(formatBytes(2_360_000_000), '2.36 GB');
  assert.equal(formatBytes(90_868_376), '90.9 MB');
  assert.equal(formatBytes(-1500), '-1.50 kB');
});

test('formatDuration grows its unit with the value', () => {
  assert.equal(formatDuration(850), '850 ms');
  assert.equal(formatDuration(12_300), '12.3 s');
  assert.equal(formatDuration(59_980), '1 min 00 s');
  assert.equal(formatDuration(245_000), '4 min 05 s');
  assert.equal(formatDuration(7_800_000), '2 h 10 min');
  assert.equal(formatDuration(Number.NaN), '–');
});

test('formatMetric shows small values and NaN as what they are', () => {
  assert.equal(formatMetric(0.81234), '0.8123');
  assert.equal(formatMetric(0.00001), '1.00e-5');
  assert.equal(formatMetric(Number.NaN), 'NaN');
});
