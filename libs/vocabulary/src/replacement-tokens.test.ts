import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replacementTokenIds } from './replacement-tokens.ts';

test('replacementTokenIds is a function of vocabulary and seed: ascending, distinct, in range', () => {
  for (const [vocabSize, count] of [
    [10, 10],
    [30, 16],
    [2048, 32],
    [30_522, 476],
    [250_002, 512],
  ] as const)
    // prettier-ignore
    for (const seed of [0, 42, 2 ** 40 + 1]) {
      const ids = replacementTokenIds(vocabSize, seed);
      assert.equal(ids.length, count);
      ids.forEach((id, index) => assert.ok(id < vocabSize && (index === 0 || id > ids[index - 1]!)));
      assert.deepEqual(replacementTokenIds(vocabSize, seed), ids);
    }
  assert.notDeepEqual(replacementTokenIds(30_522, 1), replacementTokenIds(30_522, 2));
  assert.notDeepEqual(replacementTokenIds(30_522, 1), replacementTokenIds(30_522, 1 + 2 ** 33));
});

test('replacementTokenIds come from the whole vocabulary', () => {
  // 476 of 30,522: their mean is the middle, within five standard errors of a uniform draw (30,522 / sqrt(12 * 476)).
  const ids = replacementTokenIds(30_522, 7);
  const mean = ids.reduce((sum, id) => sum + id, 0) / ids.length;
  assert.ok(Math.abs(mean - 30_522 / 2) < (5 * 30_522) / Math.sqrt(12 * ids.length), String(mean));
});
