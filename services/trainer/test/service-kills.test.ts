// What a run meets whose service is killed with it: where memory runs out in a container, the kernel may kill all of its processes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RunState, type WatchRunResponse } from '@pemmican/contract/trainer';
import { MAX_STARTS_WITHOUT_PROGRESS } from '@pemmican/jobs';
import { followEvents } from '@pemmican/testkit';
import { failureOf, finish, runRequest, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const MAX_WAIT_MS = 60_000;
const { trainer, work, model, train } = tinyTrainer('service-kills');

const fields = (output: string, options: RunFields['options']): RunFields => ({
  model,
  output: path.join(work, output),
  train,
  options: { saveSteps: 1000, learningRate: 1e-3, ...options },
});

/** Waits until the run has a process. */
async function hasProcess(): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  while (trainer.childIds().length === 0) {
    assert.ok(performance.now() < deadline, `the run has no process within ${MAX_WAIT_MS / 1000} s: has it ended?`);
    await delay(2);
  }
}

test(
  'a run that ends its service at every start fails after three, says why, and lets the next one run',
  TIMEOUT,
  async () => {
    const { name } = await trainer.create(runRequest(fields('too-large', { maxSteps: 50 })));
    const waiting = await trainer.create(runRequest(fields('small', { maxSteps: 1 })));
    for (let kill = 0; kill < MAX_STARTS_WITHOUT_PROGRESS; kill++) {
      assert.equal((await trainer.get(name)).state, RunState.RUNNING, `after ${kill} kills`);
      await hasProcess();
      await trainer.kill();
      await trainer.start();
    }
    for await (const _event of trainer.watch(name, '')) continue;
    const run = await trainer.get(name);
    const failure = failureOf(run);
    assert.deepEqual([failure.code, failure.reason], ['ABORTED', 'SERVICE_KEEPS_ENDING'], failure.message);
    assert.match(
      failure.message,
      /^The service ended 3 times in a row at work on runs\/\S+, .* it has no checkpoint\. .*smaller batches/,
    );
    assert.equal(run.progress?.step ?? 0, 0);
    for await (const _event of trainer.watch(waiting.name, '')) continue;
    assert.equal((await trainer.get(waiting.name)).state, RunState.SUCCEEDED);
  },
);

test(
  'a run whose service is killed more often than that, each time after a step further, ends well',
  TIMEOUT,
  async () => {
    const maxSteps = 400;
    const calm = await finish(trainer, fields('calm', { maxSteps }));
    const { name } = await trainer.create(runRequest(fields('killed', { maxSteps, saveSteps: 20 })));
    let last: WatchRunResponse | undefined;
    for (let furthest = 0, kill = 0; kill <= MAX_STARTS_WITHOUT_PROGRESS; kill++) {
      const followed = await followEvents<WatchRunResponse>({
        watch: (resumeToken) => trainer.watch(name, resumeToken),
        ...(last === undefined ? {} : { after: last }),
        onEvent: ({ event }) => event?.$case === 'step' && event.value.step > furthest,
        timeoutMs: TIMEOUT.timeout,
      });
      last = followed.last;
      assert.ok(!followed.isEnded && last?.event?.$case === 'step', `the run ended after ${kill} kills`);
      furthest = last.event.value.step;
      await trainer.kill();
      await trainer.start();
    }
    for await (const _event of trainer.watch(name, '')) continue;
    const run = await trainer.get(name);
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    assert.equal(run.result?.finalLoss, calm.run.result?.finalLoss);
  },
);

test(
  'a run that ends its service after a checkpoint fails with the step of it, whoever has not read it yet',
  TIMEOUT,
  async () => {
    const { name } = await trainer.create(runRequest(fields('late', { maxSteps: 100_000, saveSteps: 5 })));
    const followed = await followEvents<WatchRunResponse>({
      watch: (resumeToken) => trainer.watch(name, resumeToken),
      onEvent: ({ event }) => event?.$case === 'checkpoint',
      timeoutMs: TIMEOUT.timeout,
    });
    assert.ok(!followed.isEnded, 'the run has a checkpoint');
    // The first of these starts is counted anew, for there was progress before it.
    for (let kill = 0; kill <= MAX_STARTS_WITHOUT_PROGRESS; kill++) {
      await hasProcess();
      await trainer.kill();
      await trainer.start();
    }
    for await (const _event of trainer.watch(name, '')) continue;
    const failure = failureOf(await trainer.get(name));
    assert.equal(failure.reason, 'SERVICE_KEEPS_ENDING', failure.message);
    const step = Number(/its newest checkpoint is of step (\d+)/.exec(failure.message)?.[1]);
    assert.ok(step >= 5, failure.message);
  },
);

test('a service that cannot listen does not count as a start of its run', TIMEOUT, async () => {
  const { name } = await trainer.create(runRequest(fields('unbound', { maxSteps: 2 })));
  await trainer.kill();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let attempt = 0; attempt <= MAX_STARTS_WITHOUT_PROGRESS; attempt++)
    await assert.rejects(trainer.start({ PEMMICAN_LISTEN: `127.0.0.1:${port}` }), /ended with 1 before it listened/);
  server.close();
  await trainer.start();
  for await (const _event of trainer.watch(name, '')) continue;
  const run = await trainer.get(name);
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
});

test('a service that is ended in order, before each step of a run, does not fail it', TIMEOUT, async () => {
  const { name } = await trainer.create(runRequest(fields('drained', { maxSteps: 2 })));
  for (let end = 0; end <= MAX_STARTS_WITHOUT_PROGRESS; end++) {
    await hasProcess();
    assert.equal(await trainer.terminate(), 0);
    await trainer.start();
  }
  for await (const _event of trainer.watch(name, '')) continue;
  const run = await trainer.get(name);
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
});
