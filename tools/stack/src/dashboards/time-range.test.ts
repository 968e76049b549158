import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, timeRange } from './time-range.ts';

test('parseDuration reads what Prometheus and Grafana write', () => {
  assert.deepEqual(['10s', '15m', '1h', '7d'].map(parseDuration), [10, 900, 3600, 604_800]);
  for (const text of ['', '15', 'm', '0m', '1.5h', '1w', '-1m']) assert.equal(parseDuration(text), undefined, text);
});

test('timeRange has a point a scrape, and fewer where a plot has no room for them', () => {
  assert.deepEqual(timeRange(300, 2, 1001), { start: 700, end: 1000, stepSeconds: 2, rateIntervalSeconds: 8 });
  // 3600 / 240 = 15 s; a rate is over what lies between two points, and a scrape.
  assert.deepEqual(timeRange(3600, 2, 36_014), {
    start: 32_400,
    end: 36_000,
    stepSeconds: 15,
    rateIntervalSeconds: 17,
  });
});
