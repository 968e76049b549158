import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalysisProgress } from '@pemmican/contract/vocabulary';
import { ProgressMeter } from './progress-meter.ts';

test('ProgressMeter tells throughput and time left, ten times a second at most', () => {
  const sent: AnalysisProgress[] = [];
  let nowMs = 1000;
  const meter = new ProgressMeter(
    4000,
    (progress) => sent.push(progress),
    () => nowMs,
  );
  const counts = { recordCount: 10, tokenCount: 100, distinctTokenCount: 50 };
  // The second file may be told of before the first has been.
  meter.setFileBytes(1, 500);
  meter.report(() => counts);
  nowMs = 1099;
  meter.report(() => ({ ...counts, recordCount: 11 }));
  assert.equal(sent.length, 1);
  nowMs = 1500;
  meter.setFileBytes(0, 1500);
  meter.report(() => ({ ...counts, recordCount: 12 }));
  assert.deepEqual(sent[1], {
    recordCount: 12,
    tokenCount: 100,
    distinctTokenCount: 50,
    processedBytes: 2000,
    totalBytes: 4000,
    throughputBytesPerSecond: 4000,
    remaining: { seconds: 0, nanos: 500_000_000 },
  });
  meter.setFileBytes(0, 3500);
  meter.flush();
  assert.deepEqual([sent.length, sent[2]?.recordCount, sent[2]?.processedBytes], [3, 12, 4000]);
  assert.deepEqual(sent[2]?.remaining, { seconds: 0, nanos: 0 });
});

test('ProgressMeter promises nothing while nothing was read', () => {
  const sent: AnalysisProgress[] = [];
  new ProgressMeter(
    2000,
    (progress) => sent.push(progress),
    () => 0,
  ).flush();
  assert.deepEqual([sent[0]?.processedBytes, sent[0]?.throughputBytesPerSecond], [0, 0]);
  assert.ok(Number.isFinite(sent[0]?.remaining?.seconds));
});
