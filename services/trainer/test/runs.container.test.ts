import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import {
  RunState,
  TrainerServiceClient,
  type CreateRunRequest,
  type Run,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import {
  artifactsFolder,
  ServiceContainer,
  startNetwork,
  testImages,
  type StartedNetwork,
} from '@pemmican/images/testing';
import { followEvents, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { failureOf, runRequest, type RunFields } from './harness.ts';

const TIMEOUT = { timeout: 180_000 };
// Less than a test may take, so that what it started is removed when a container does not come back.
const FOLLOW_TIMEOUT_MS = 120_000;
const STATE_VOLUME = `pemmican-test-${process.pid}`;
const STEPS = 40;
// Enough for the service, TensorFlow and a small run; not for the large one, which takes some 1.5 GB.
const MEMORY_LIMIT_BYTES = 768 * 1024 ** 2;
// Shuffling, dropout and decay on: everything that a run that goes on has to repeat.
const OPTIONS = { maxSteps: STEPS, saveSteps: 5, weightDecay: 0.01, dropout: 0.1, learningRate: 1e-3 };
const FIELDS = { model: '/data/model', train: '/data/train.jsonl', options: OPTIONS };

const { folder, remove } = artifactsFolder('runs');
const modelOf = (output: string): Buffer => readFileSync(path.join(folder, output, 'model.safetensors'));
let network: StartedNetwork;
let container: ServiceContainer;
let client: TrainerServiceClient;

before(async () => {
  await makeTinyModel(path.join(folder, 'model'));
  await makeTinyDataset(path.join(folder, 'train.jsonl'), 64);
  network = await startNetwork();
  container = await ServiceContainer.start('trainer', {
    artifacts: folder,
    stateVolume: STATE_VOLUME,
    network,
    smallDisks: { '/data/small': 1024 * 1024 },
  });
  client = connect(container.address);
});
after(async () => {
  client.close();
  await container.remove();
  await network.stop();
  const { docker } = await testImages();
  await docker.run(['volume', 'rm', STATE_VOLUME]);
  await remove();
});

function connect(address: string): TrainerServiceClient {
  // A peer that is gone without a word is found out by pings.
  const options = {
    'grpc.keepalive_time_ms': 5_000,
    'grpc.keepalive_timeout_ms': 2_000,
    'grpc.max_reconnect_backoff_ms': 500,
  };
  return new TrainerServiceClient(address, credentials.createInsecure(), options);
}

function create(request: CreateRunRequest): Promise<Run> {
  return new Promise((resolve, reject) => {
    client.createRun(request, (error, response) => {
      if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
      else resolve(response.run);
    });
  });
}

function get(name: string): Promise<Run> {
  return new Promise((resolve, reject) => {
    client.getRun({ name, readMask: undefined }, (error, response) => {
      if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
      else resolve(response.run);
    });
  });
}

/** Follows a run to its end over every break of its stream: events come once each, in order. */
async function follow(name: string, onEvent: (event: WatchRunResponse) => void = () => undefined): Promise<Run> {
  await followEvents({
    watch: (resumeToken): AsyncIterable<WatchRunResponse> => client.watchRun({ name, resumeToken }),
    onEvent,
    timeoutMs: FOLLOW_TIMEOUT_MS,
  });
  return get(name);
}

/** Starts a run, and does something once it has made some steps. */
async function runWith(fields: RunFields, disturb: () => Promise<void>): Promise<Run> {
  const { name } = await create(runRequest(fields));
  let disturbed: Promise<void> | undefined;
  const run = await follow(name, ({ event }) => {
    if (event?.$case !== 'step' || event.value.step < 8) return;
    disturbed ??= disturb();
    // Awaited below, when the run has ended.
    disturbed.catch(() => undefined);
  });
  assert.ok(disturbed !== undefined, 'the run was over before anything could be done to it');
  await disturbed;
  return run;
}

let calm: Run;
test('the service in its image trains, as its own process and not as root', TIMEOUT, async () => {
  const { name } = await create(runRequest({ ...FIELDS, output: '/data/calm' }));
  calm = await follow(name);
  assert.equal(calm.state, RunState.SUCCEEDED, calm.error?.message);
  assert.ok(modelOf('calm').length > 0);
});

test('a run goes on to the same model when its container is killed and started again', TIMEOUT, async () => {
  const run = await runWith({ ...FIELDS, output: '/data/killed' }, async () => {
    await container.kill();
    await container.startAgain();
  });
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  assert.ok((run.progress?.restartCount ?? 0) > 0, 'it was killed in the middle');
  assert.equal(run.result?.finalLoss, calm.result?.finalLoss);
  assert.ok(modelOf('killed').equals(modelOf('calm')), 'bit for bit');
});

test(
  'a container that is asked to end writes a checkpoint and ends with 0; its run goes on to the same model',
  TIMEOUT,
  async () => {
    let exitCode: number | undefined;
    const run = await runWith(
      { ...FIELDS, options: { ...OPTIONS, saveSteps: 1000 }, output: '/data/stopped' },
      async () => {
        exitCode = await container.terminate(60);
        const left = readdirSync(path.join(folder, 'stopped')).filter((name) => /^checkpoint-\d+$/.test(name));
        assert.equal(left.length, 1, 'it has no other checkpoints than the one of its end');
        await container.startAgain();
      },
    );
    assert.equal(exitCode, 0);
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    assert.ok((run.progress?.restartCount ?? 0) > 0, 'it was ended in the middle');
    assert.ok(modelOf('stopped').equals(modelOf('calm')), 'bit for bit');
  },
);

test(
  'a run does not mind that its container is paused and its network cut; who watches misses and repeats nothing',
  TIMEOUT,
  async () => {
    // Long enough that it goes on over both.
    const long = { ...FIELDS, options: { ...OPTIONS, maxSteps: 20 * STEPS, saveSteps: 1000 } };
    const undisturbed = await follow((await create(runRequest({ ...long, output: '/data/long' }))).name);
    assert.equal(undisturbed.state, RunState.SUCCEEDED, undisturbed.error?.message);
    let backTimeMs = Infinity;
    const run = await runWith({ ...long, output: '/data/cut' }, async () => {
      await container.pause();
      await delay(500);
      await container.unpause();
      await container.disconnect(network);
      await delay(1000);
      await container.connect(network);
      backTimeMs = Date.now();
    });
    assert.ok(Number(run.endTime) > backTimeMs, 'the run was over before its network was back');
    assert.equal(run.progress?.restartCount, 0, run.error?.message);
    assert.equal(run.result?.finalLoss, undisturbed.result?.finalLoss);
    assert.ok(modelOf('cut').equals(modelOf('long')), 'bit for bit');
  },
);

test('a disk that is full fails the run with the file; the service goes on', TIMEOUT, async () => {
  const options = { maxSteps: 6, saveSteps: 1, saveTotalLimit: 10 };
  const { name } = await create(runRequest({ ...FIELDS, options, output: '/data/small/output' }));
  const failure = failureOf(await follow(name));
  assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'DISK_FULL'], failure.message);
  assert.match(failure.message, /\/data\/small\/output.*(?:space|free)/);
  const again = await follow((await create(runRequest({ ...FIELDS, options, output: '/data/roomy' }))).name);
  assert.equal(again.state, RunState.SUCCEEDED, again.error?.message);
});

test(
  'a run that needs more memory than its container has fails with MEMORY_LIMIT_REACHED; the service goes on',
  TIMEOUT,
  async () => {
    const words = Array.from({ length: 120 }, (_, index) => `word${index % 40}`).join(' ');
    const lines = Array.from({ length: 1024 }, (_, row) => JSON.stringify({ text: words, label: row % 2 }));
    writeFileSync(path.join(folder, 'long.jsonl'), `${lines.join('\n')}\n`);
    const small = await ServiceContainer.start('trainer', { artifacts: folder, memoryBytes: MEMORY_LIMIT_BYTES });
    const usual = client;
    client = connect(small.address);
    try {
      const large = {
        ...FIELDS,
        train: '/data/long.jsonl',
        dataset: { maxSequenceLength: 128 },
        options: { maxSteps: 2, perDeviceTrainBatchSize: 1024 },
        output: '/data/large',
      };
      const failure = failureOf(await follow((await create(runRequest(large))).name));
      assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'MEMORY_LIMIT_REACHED'], failure.message);
      assert.deepEqual(failure.metadata, { limitBytes: String(MEMORY_LIMIT_BYTES), restartCount: '1' });
      const fitting = { ...FIELDS, options: { maxSteps: 2 }, output: '/data/fitting' };
      const run = await follow((await create(runRequest(fitting))).name);
      assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    } finally {
      client.close();
      client = usual;
      await small.remove();
    }
  },
);

test('a second container does not take the state of one that lives, and says so', TIMEOUT, async () => {
  const { docker, nameOf } = await testImages();
  const second = docker.run(['run', '--rm', '--volume', `${STATE_VOLUME}:/var/lib/pemmican`, nameOf('trainer')]);
  await assert.rejects(second, /another process has this store open/);
  assert.equal((await get(calm.name)).state, RunState.SUCCEEDED);
});
