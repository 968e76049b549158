import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RunState, type WatchRunResponse } from '@pemmican/contract/trainer';
import { refusalOf } from '@pemmican/testkit';
import { finish, runRequest, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train } = tinyTrainer('pause');
const STEPS = 120;

// Shuffling, dropout and decay on, checkpoints far apart: what the run goes on from is the one that the pause wrote.
const fields = (output: string): RunFields => ({
  model,
  output: path.join(work, output),
  train,
  options: { maxSteps: STEPS, saveSteps: 1000, weightDecay: 0.01, dropout: 0.1, learningRate: 1e-3 },
});

async function refuses(action: Promise<unknown>, reason: string): Promise<void> {
  await assert.rejects(action, (error) => {
    const failure = refusalOf(error);
    assert.deepEqual([failure.code, failure.reason], ['FAILED_PRECONDITION', reason], failure.message);
    return true;
  });
}

async function waitFor(name: string, state: RunState): Promise<void> {
  for (let run = await trainer.get(name); run.state !== state; run = await trainer.get(name)) {
    assert.ok(run.state < RunState.SUCCEEDED || run.state === RunState.PAUSED, `state ${run.state}`);
    await delay(20);
  }
}

test(
  'a paused run gives its process back, outlives its service, and goes on to the very same model',
  TIMEOUT,
  async () => {
    const calm = await finish(trainer, fields('calm'));
    assert.equal(calm.run.state, RunState.SUCCEEDED, calm.run.error?.message);

    const { name } = await trainer.create(runRequest(fields('paused')));
    await refuses(trainer.resume(name), 'NOT_PAUSED');
    const events: WatchRunResponse[] = [];
    const follow = async (): Promise<void> => {
      for await (const event of trainer.watch(name, events.at(-1)?.resumeToken ?? '')) {
        events.push(event);
        if (event.event?.$case === 'step' && event.event.value.step === 7) await trainer.pause(name);
      }
    };
    // The stream stays open over the pause and breaks with the service.
    const followed = assert.rejects(follow(), /UNAVAILABLE|CANCELLED/);
    await waitFor(name, RunState.PAUSED);
    assert.deepEqual(trainer.childIds(), []);
    const { progress } = await trainer.get(name);
    assert.ok(progress !== undefined && progress.step >= 7 && progress.step < STEPS);
    assert.equal(progress.checkpointStep, progress.step);
    assert.equal(existsSync(path.join(work, 'paused/model.safetensors')), false);
    await refuses(trainer.pause(name), 'ALREADY_PAUSED');

    assert.equal(await trainer.terminate(), 0);
    await followed;
    await trainer.start();
    assert.equal((await trainer.get(name)).state, RunState.PAUSED);
    await trainer.resume(name);
    await follow();
    const run = await trainer.get(name);
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    const model = (output: string): Buffer => readFileSync(path.join(work, output, 'model.safetensors'));
    assert.ok(model('paused').equals(model('calm')));
    assert.equal(run.result?.finalLoss, calm.run.result?.finalLoss);
    const steps = events.flatMap(({ event }) => (event?.$case === 'step' ? [event.value.step] : []));
    assert.deepEqual(
      steps,
      Array.from({ length: STEPS }, (_, index) => index + 1),
      'no step twice: the pause wrote a checkpoint',
    );
    const states = events.flatMap(({ event }) => (event?.$case === 'stateChange' ? [event.value.state] : []));
    const { QUEUED, RUNNING, PAUSED, SUCCEEDED } = RunState;
    assert.deepEqual(states, [QUEUED, RUNNING, PAUSED, QUEUED, RUNNING, SUCCEEDED]);
    await refuses(trainer.pause(name), 'ALREADY_FINAL');
  },
);

test('a run that waits can be paused and resumed, and a paused run cancelled', TIMEOUT, async () => {
  const first = await trainer.create(runRequest(fields('first')));
  const second = await trainer.create(runRequest({ ...fields('second'), options: { maxSteps: 1 } }));
  assert.equal((await trainer.pause(second.name)).state, RunState.PAUSED);
  await trainer.cancel(first.name);
  await waitFor(first.name, RunState.CANCELLED);
  assert.equal((await trainer.get(second.name)).state, RunState.PAUSED, 'it does not start by itself');
  await trainer.resume(second.name);
  for await (const _event of trainer.watch(second.name, '')) continue;
  assert.equal((await trainer.get(second.name)).state, RunState.SUCCEEDED);

  const third = await trainer.create(runRequest(fields('third')));
  await trainer.pause(third.name);
  await trainer.cancel(third.name);
  for await (const _event of trainer.watch(third.name, '')) continue;
  const ended = await trainer.get(third.name);
  assert.equal(ended.state, RunState.CANCELLED);
  assert.ok(ended.endTime !== undefined);
  await refuses(trainer.resume(third.name), 'ALREADY_FINAL');
});

test(
  'a run whose process dies before its first checkpoint never goes on from an older run in its folder',
  TIMEOUT,
  async () => {
    const output = 'used-twice';
    const old = await finish(trainer, {
      ...fields(output),
      options: { maxSteps: 3, saveSteps: 1, learningRate: 5e-3 },
    });
    assert.equal(old.run.state, RunState.SUCCEEDED);
    const { name } = await trainer.create(runRequest(fields(output)));
    // While it loads: the older run's checkpoints are still there.
    let child: number | undefined;
    while (child === undefined) {
      await delay(1);
      [child] = trainer.childIds();
    }
    process.kill(child, 'SIGKILL');
    for await (const _event of trainer.watch(name, '')) continue;
    const run = await trainer.get(name);
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    assert.equal(run.progress?.restartCount, 1);
    assert.equal(run.result?.stepCount, STEPS);
  },
);
