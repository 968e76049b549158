import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JobQueue } from './job-queue.ts';

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test('JobQueue starts jobs in order, as many at a time as it may', async () => {
  const queue = new JobQueue(2);
  const started: string[] = [];
  const ends = new Map(['a', 'b', 'c', 'd'].map((name) => [name, deferred()]));
  for (const [name, { promise }] of ends) {
    queue.add(name, () => {
      started.push(name);
      return promise;
    });
  }
  assert.deepEqual([started, queue.waitingCount], [['a', 'b'], 2]);
  ends.get('b')!.resolve();
  await new Promise(setImmediate);
  assert.deepEqual([started, queue.waitingCount], [['a', 'b', 'c'], 1]);
  for (const { resolve } of ends.values()) resolve();
  await queue.close();
});

test('JobQueue.remove takes out a job that waits, and only such a one', async () => {
  const queue = new JobQueue(1);
  const first = deferred();
  let isSecondStarted = false;
  queue.add('first', () => first.promise);
  queue.add('second', () => {
    isSecondStarted = true;
    return Promise.resolve();
  });
  assert.equal(queue.remove('first'), false, 'it runs');
  assert.equal(queue.remove('second'), true);
  assert.equal(queue.remove('second'), false, 'it is gone');
  first.resolve();
  await queue.close();
  assert.equal(isSecondStarted, false);
});

test('JobQueue.close waits for what runs and starts nothing more', async () => {
  const queue = new JobQueue(1);
  const first = deferred();
  let [isFirstDone, isSecondStarted] = [false, false];
  queue.add('first', () => first.promise.then(() => void (isFirstDone = true)));
  queue.add('second', () => {
    isSecondStarted = true;
    return Promise.resolve();
  });
  const closed = queue.close();
  queue.add('third', () => Promise.reject(new Error('must not start')));
  first.resolve();
  await closed;
  assert.deepEqual([isFirstDone, isSecondStarted], [true, false]);
});
