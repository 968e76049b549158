import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DeviceMemorySample, Evaluation, StepMetrics } from '@pemmican/contract/trainer';

import { Series } from './series.ts';
import { TrainingLog } from './training-log.ts';

function step(number: number): { $case: 'step'; value: StepMetrics } {
  return { $case: 'step', value: StepMetrics.fromPartial({ step: number, loss: number }) };
}

test('TrainingLog forgets the steps that come again after a restart', () => {
  const log = new TrainingLog();
  for (const number of [1, 2, 3, 4]) log.add(step(number));
  log.add({ $case: 'evaluation', value: Evaluation.fromPartial({ step: 4, split: 2 }) });
  for (const number of [3, 4, 5]) log.add(step(number));
  const data = log.toData();
  assert.deepEqual(
    data.steps.map((point) => point.step),
    [1, 2, 3, 4, 5],
  );
  assert.equal(data.evaluations.length, 0);
});

test('TrainingLog goes on from what an interrupted run had said', () => {
  let now = 0;
  const first = new TrainingLog(undefined, () => now);
  first.add(step(1));
  now = 1000;
  first.add({
    $case: 'deviceMemory',
    value: DeviceMemorySample.fromPartial({ source: 2, deviceName: 'host', processBytes: 7 }),
  });
  now = 50_000;
  const second = new TrainingLog(first.toData(), () => now);
  now = 50_500;
  second.add(step(2));
  second.add({
    $case: 'deviceMemory',
    value: DeviceMemorySample.fromPartial({ source: 2, deviceName: 'host', processBytes: 8 }),
  });
  const data = second.toData();
  assert.deepEqual(
    data.steps.map((point) => point.step),
    [1, 2],
  );
  assert.deepEqual(
    data.memory.map((point) => point.timeMs),
    [1000, 1500],
  );
});

test('Series stays within its limit and keeps the first and the last point', () => {
  const series = new Series<number>(100);
  for (let value = 0; value <= 10_000; value += 1) series.add(value);
  const points = series.toArray();
  assert.ok(points.length <= 101, String(points.length));
  assert.equal(points[0], 0);
  assert.equal(points.at(-1), 10_000);
});
