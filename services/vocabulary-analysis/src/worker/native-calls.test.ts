import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { NativeCalls } from './native-calls.ts';

test('NativeCalls makes calls until threads are being ended', async () => {
  const calls = new NativeCalls();
  const other = new NativeCalls(calls.shared);
  assert.equal(
    calls.run(() => 7),
    7,
  );
  assert.throws(
    () =>
      calls.run(() => {
        throw new Error('no library');
      }),
    /^Error: no library$/,
  );
  await other.end();
  assert.equal(
    calls.run(() => assert.fail()),
    undefined,
  );
  // Both the service and the thread that reads files end threads.
  await calls.end();
});

test('NativeCalls waits for a call of another thread', async () => {
  const calls = new NativeCalls();
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ NativeCalls }) => new NativeCalls(workerData.shared).run(() => {
      parentPort.postMessage('begun');
      Atomics.wait(new Int32Array(workerData.latch), 0, 0);
    }));`;
  const latch = new SharedArrayBuffer(4);
  const module = new URL('native-calls.ts', import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { shared: calls.shared, latch, module } });
  await new Promise((resolve) => worker.once('message', resolve));
  let hasEnded = false;
  const ended = calls.end().then(() => (hasEnded = true));
  await delay(50);
  assert.equal(hasEnded, false);
  Atomics.store(new Int32Array(latch), 0, 1);
  Atomics.notify(new Int32Array(latch), 0);
  await ended;
  await worker.terminate();
});
