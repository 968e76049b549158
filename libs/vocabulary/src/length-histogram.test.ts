import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amazonTokenIds } from '../test/documents.ts';
import { LengthHistogram } from './length-histogram.ts';

test('LengthHistogram.percentile is that of numpy with method inverted_cdf', () => {
  const lengths = new LengthHistogram();
  for (const ids of amazonTokenIds()) lengths.add(ids.length);
  assert.deepEqual(
    [0.5, 0.9, 0.99].map((share) => lengths.percentile(share)),
    [13, 27, 37],
  );
  assert.equal(lengths.maximum, 44);
});

test('LengthHistogram of nothing is 0', () => {
  const lengths = new LengthHistogram();
  assert.deepEqual([lengths.percentile(0.5), lengths.maximum], [0, 0]);
});
