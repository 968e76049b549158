import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeasuredThreadStart } from './thread-start.ts';

/** Whether threads are worth it after `elapsedMs` in which `processed` of 100 MB were counted. */
function isWorthIt(processed: number, elapsedMs: number, tokenizerMs: number): boolean {
  let nowMs = 1000;
  const start = new MeasuredThreadStart(
    100e6,
    () => processed,
    tokenizerMs,
    () => nowMs,
  );
  nowMs += elapsedMs;
  return start.isWorthIt();
}

test('MeasuredThreadStart starts threads when what is left takes twice as long as their start', () => {
  // 10 MB in 200 ms: 90 MB more take 1800 ms, and a thread 250 ms and its tokenizer.
  assert.equal(isWorthIt(10e6, 200, 50), true);
  assert.equal(isWorthIt(10e6, 200, 649), true);
  assert.equal(isWorthIt(10e6, 200, 651), false);
  assert.equal(isWorthIt(80e6, 1600, 50), false);
});

test('MeasuredThreadStart does not judge before there is something to judge by', () => {
  assert.equal(isWorthIt(1e6, 149, 10), false);
  assert.equal(isWorthIt(1e6, 150, 10), true);
  assert.equal(isWorthIt(0, 5000, 10), false);
});
