import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DatasetSpec, Split } from '@pemmican/contract/vocabulary';
import {
  RunState,
  TrainingOptions,
  type CreateRunRequest,
  type Run,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import { MAX_STARTS_WITHOUT_PROGRESS } from '@pemmican/jobs';
import { followEvents, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { TrainerProcess } from './trainer-process.ts';

const STEPS = 60;
const KILLS = 30;
const FOLLOW_TIMEOUT_MS = 600_000;
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-crash-'));

function request(output: string): CreateRunRequest {
  const files = [
    { split: Split.TRAIN, uri: path.join(work, 'train.jsonl'), format: 0 as const },
    { split: Split.VALIDATION, uri: path.join(work, 'validation.jsonl'), format: 0 as const },
  ];
  return {
    requestId: output,
    validateOnly: false,
    spec: {
      modelUri: path.join(work, 'model'),
      outputUri: path.join(work, output),
      dataset: DatasetSpec.fromPartial({
        files,
        textColumn: '',
        textPairColumn: '',
        labelColumn: '',
        skipInvalid: false,
        maxSequenceLength: 32,
        recordKind: 0,
      }),
      // Shuffling, dropout and decay on: everything that a resumed run has to repeat. Small batches make many steps.
      options: TrainingOptions.fromPartial({
        maxSteps: STEPS,
        perDeviceTrainBatchSize: 8,
        saveSteps: 2,
        evalSteps: 20,
        weightDecay: 0.01,
        dropout: 0.1,
        learningRate: 1e-3,
      }),
      memoryBudgetBytes: 0,
      resumeFromCheckpoint: '',
      memorySampleIntervalMs: 0,
    },
  };
}

/** Follows a run over deaths of the service; events come once each, in order. */
async function follow(trainer: TrainerProcess, name: string, events: WatchRunResponse[]): Promise<Run> {
  await followEvents({
    watch: (resumeToken) => trainer.watch(name, resumeToken),
    onEvent: (event) => {
      events.push(event);
    },
    // The test starts it again, with a new client: calls of the old one have ended in many ways.
    isGone: () => true,
    timeoutMs: FOLLOW_TIMEOUT_MS,
  });
  return trainer.get(name);
}

function furthestStep(events: readonly WatchRunResponse[]): number {
  return Math.max(0, ...events.map(({ event }) => (event?.$case === 'step' ? event.value.step : 0)));
}

/** Deaths of the service since the run was last further than ever. */
function deathsWithoutProgress(events: readonly WatchRunResponse[], deaths: readonly number[]): number {
  const furthest = furthestStep(events);
  return deaths.filter((step) => step === furthest).length;
}

test('a run that is killed 30 times ends with the very same model', { timeout: 900_000 }, async (t) => {
  await makeTinyModel(path.join(work, 'model'));
  await makeTinyDataset(path.join(work, 'train.jsonl'), 64);
  await makeTinyDataset(path.join(work, 'validation.jsonl'), 32, 2);
  const trainer = new TrainerProcess(work);
  await trainer.start();
  t.after(async () => {
    await trainer.stop();
    rmSync(work, { recursive: true, force: true });
  });
  const calm = await trainer.create(request('calm'));
  const expected = await follow(trainer, calm.name, []);
  assert.equal(expected.state, RunState.SUCCEEDED);
  const expectedBytes = readFileSync(path.join(work, 'calm/model.safetensors'));

  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  let kills = 0;
  const counts = { child: 0, service: 0, checkpoint: 0 };
  for (let round = 0; kills < KILLS; round++) {
    const output = `disturbed-${round}`;
    const events: WatchRunResponse[] = [];
    const { name } = await trainer.create(request(output));
    const ended = follow(trainer, name, events);
    /** How far the run was each time that its service died. */
    const deaths: number[] = [];
    let isEnded = false;
    void ended.then(() => (isEnded = true));
    // Up to 12 kills a run, then it may end.
    for (let killsOfRun = 0; killsOfRun < 12 && kills < KILLS && !isEnded;) {
      const target = random();
      if (target < 0.4) {
        // While a checkpoint is written: its temporary folder is there.
        const temporary = (): boolean =>
          existsSync(path.join(work, output)) &&
          readdirSync(path.join(work, output)).some((entry) => entry.includes('checkpoint') && entry.includes('.tmp'));
        for (let tries = 0; tries < 2000 && !temporary() && !isEnded; tries++) await delay(1);
        const [child] = trainer.childIds();
        if (child === undefined || isEnded) continue;
        process.kill(child, 'SIGKILL');
        counts.checkpoint++;
      } else {
        await delay(300 + random() * 1500);
        if (isEnded) break;
        if (target < 0.75) {
          const [child] = trainer.childIds();
          if (child === undefined) continue;
          process.kill(child, 'SIGKILL');
          counts.child++;
        } else {
          // A run that does not get further is given up after so many deaths of its service.
          while (deathsWithoutProgress(events, deaths) >= MAX_STARTS_WITHOUT_PROGRESS - 1 && !isEnded) await delay(20);
          if (isEnded) break;
          deaths.push(furthestStep(events));
          await trainer.kill();
          await trainer.start();
          counts.service++;
        }
      }
      kills++;
      killsOfRun++;
    }
    const run = await ended;
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    assert.equal(run.result?.finalLoss, expected.result?.finalLoss, 'the final loss is bit-equal');
    assert.deepEqual(
      readFileSync(path.join(work, output, 'model.safetensors')),
      expectedBytes,
      'the model is byte-identical',
    );
    const lines = readFileSync(path.join(work, output, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { step: number }).step),
      Array.from({ length: STEPS }, (_, index) => index + 1),
      'each step has one line',
    );
    assert.deepEqual(run.result?.evaluation?.loss, expected.result?.evaluation?.loss);
  }
  t.diagnostic(
    `${kills} kills: ${counts.child} of the run's process, ${counts.checkpoint} more while it wrote a checkpoint, ${counts.service} of the service`,
  );
  assert.ok(kills >= KILLS);
});

test(
  'a cancelled run leaves a checkpoint that a new run goes on from to the same loss, and not with other options',
  { timeout: 300_000 },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-cancel-'));
    const trainer = new TrainerProcess(folder);
    await makeTinyModel(path.join(work, 'model'));
    await makeTinyDataset(path.join(work, 'train.jsonl'), 64);
    await makeTinyDataset(path.join(work, 'validation.jsonl'), 32, 2);
    await trainer.start();
    t.after(async () => {
      await trainer.stop();
      rmSync(folder, { recursive: true, force: true });
      rmSync(work, { recursive: true, force: true });
    });
    const whole = await trainer.create(request('whole'));
    const expected = await follow(trainer, whole.name, []);
    const cut = await trainer.create(request('cut'));
    for await (const event of trainer.watch(cut.name, '')) {
      if (event.event?.$case === 'step' && event.event.value.step === 5)
        await new Promise((resolve) => trainer.client.cancelRun({ name: cut.name }, resolve));
    }
    assert.equal((await trainer.get(cut.name)).state, RunState.CANCELLED);
    const base = request('cut');
    const resume = { ...base, requestId: 'resume', spec: { ...base.spec!, resumeFromCheckpoint: 'latest' } };
    const other = {
      ...resume,
      requestId: 'other',
      spec: { ...resume.spec, options: { ...resume.spec.options!, learningRate: 2e-3 } },
    };
    const refused = await follow(trainer, (await trainer.create(other)).name, []);
    assert.equal(refused.state, RunState.FAILED);
    assert.match(refused.error?.message ?? '', /learningRate is 0\.001 in the checkpoint, 0\.002 in this run/);
    const resumed = await follow(trainer, (await trainer.create(resume)).name, []);
    assert.equal(resumed.state, RunState.SUCCEEDED, resumed.error?.message);
    assert.equal(resumed.result?.finalLoss, expected.result?.finalLoss);
  },
);
