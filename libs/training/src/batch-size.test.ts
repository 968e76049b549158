import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchSplits, findBatchSplit, type BatchSplit } from './batch-size.ts';
import { DEFAULT_TRAINING_OPTIONS } from './options.ts';
import { planRun, stepPosition } from './run-plan.ts';

const split = (perDeviceTrainBatchSize: number, gradientAccumulationSteps: number): BatchSplit => ({
  perDeviceTrainBatchSize,
  gradientAccumulationSteps,
});
const pairs = (asked: BatchSplit): number[][] =>
  batchSplits(asked).map((one) => [one.perDeviceTrainBatchSize, one.gradientAccumulationSteps]);

test('batchSplits halves the size and multiplies the micro-batches', () => {
  assert.deepEqual(pairs(split(16, 1)), [[16, 1], [8, 2], [4, 4], [2, 8], [1, 16]]); // prettier-ignore
  assert.deepEqual(pairs(split(4, 3)), [[4, 3], [2, 6], [1, 12]]); // prettier-ignore
  assert.deepEqual(pairs(split(1, 2)), [[1, 2]]);
});

test('batchSplits has only sizes that divide the asked one', () => {
  // 12, 6, 3, then half of 3; half of 15 is 7, and 5 is the next that divides 15.
  assert.deepEqual(pairs(split(12, 1)), [[12, 1], [6, 2], [3, 4], [1, 12]]); // prettier-ignore
  assert.deepEqual(pairs(split(15, 2)), [[15, 2], [5, 6], [1, 30]]); // prettier-ignore
  assert.deepEqual(pairs(split(7, 1)), [[7, 1], [1, 7]]); // prettier-ignore
});

test('batchSplits leaves every step its records, the last ones of an epoch too', () => {
  for (const recordCount of [1, 15, 16, 17, 100, 101])
    for (const asked of [split(12, 1), split(15, 2), split(16, 3)]) {
      const recordsOf = (one: BatchSplit): number[][] => {
        const plan = planRun({ ...DEFAULT_TRAINING_OPTIONS, ...one, numTrainEpochs: 2 }, recordCount);
        return Array.from({ length: plan.totalSteps }, (_, step) => {
          const { epochIndex, firstBatch, batchCount } = stepPosition(plan, one.gradientAccumulationSteps, step);
          const size = one.perDeviceTrainBatchSize;
          return [epochIndex, firstBatch * size, Math.min(recordCount, (firstBatch + batchCount) * size)];
        });
      };
      for (const one of batchSplits(asked)) assert.deepEqual(recordsOf(one), recordsOf(asked));
    }
});

test('findBatchSplit takes the largest that fits and tells the smallest that does not', () => {
  const peak = (one: BatchSplit): number => 100 + 10 * one.perDeviceTrainBatchSize;
  const sizes = (limitBytes: number): (number | undefined)[] => {
    const { found, refused } = findBatchSplit(split(16, 1), limitBytes, peak);
    return [found?.split.perDeviceTrainBatchSize, found?.peakBytes, refused?.split.perDeviceTrainBatchSize];
  };
  assert.deepEqual(sizes(260), [16, 260, undefined]);
  assert.deepEqual(sizes(259), [8, 180, 16]);
  assert.deepEqual(sizes(139), [2, 120, 4]);
  assert.deepEqual(sizes(110), [1, 110, 2]);
  assert.deepEqual(sizes(109), [undefined, undefined, 1]);
});
