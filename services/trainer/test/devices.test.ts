import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  EstimateMemoryRequest,
  RunState,
  type EstimateMemoryResponse,
  type RunResult,
} from '@pemmican/contract/trainer';
import { refusalOf } from '@pemmican/testkit';
import { hasDevice, otherDeviceNames, requireDevices } from '../src/devices.ts';
import { failureOf, finish, runRequest, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train, validation } = tinyTrainer('devices', { PEMMICAN_CPU_DEVICES: '2' });

// Six micro-batches an epoch, the last of four records: a step of four, and one of two.
const OPTIONS = { perDeviceTrainBatchSize: 12, maxSteps: 4, saveSteps: 2, learningRate: 1e-2 };

const fields = (name: string, options: NonNullable<RunFields['options']>): RunFields => ({
  model,
  output: path.join(work, name),
  train,
  validation,
  options: { ...OPTIONS, ...options },
});

async function resultOf(request: RunFields): Promise<RunResult> {
  const { run } = await finish(trainer, request);
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  return run.result!;
}

const weights = (name: string): Buffer => readFileSync(path.join(work, name, 'model.safetensors'));
const numbers = (name: string): unknown[] =>
  readFileSync(path.join(work, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { step, epoch, loss, gradNorm, tokens } = JSON.parse(line) as Record<string, unknown>;
      return { step, epoch, loss, gradNorm, tokens };
    });

test(
  'a run on two devices has the steps and the bytes of one device with twice the accumulation',
  TIMEOUT,
  async () => {
    const two = await resultOf(fields('two', { numDevices: 2, gradientAccumulationSteps: 2 }));
    const one = await resultOf(fields('one', { gradientAccumulationSteps: 4 }));
    assert.deepEqual([two.numDevices, two.gradientAccumulationSteps, two.stepCount], [2, 2, 4]);
    assert.deepEqual([one.numDevices, one.gradientAccumulationSteps, one.stepCount], [1, 4, 4]);
    assert.equal(numbers('two').length, 4);
    assert.deepEqual(numbers('two'), numbers('one'));
    assert.ok(weights('two').equals(weights('one')));
    // The CPU stood for both devices.
    assert.equal(two.otherDeviceMemory, undefined);
  },
);

test('a run goes on with another number of devices from a checkpoint, to the same bytes', TIMEOUT, async () => {
  const resumeFromCheckpoint = path.join(work, 'two', 'checkpoint-2');
  await resultOf({ ...fields('resumed', { gradientAccumulationSteps: 4 }), resumeFromCheckpoint });
  assert.ok(weights('resumed').equals(weights('one')));
  const { run } = await finish(trainer, { ...fields('other', { gradientAccumulationSteps: 2 }), resumeFromCheckpoint });
  assert.match(failureOf(run).message, /gradientAccumulationSteps is 4 in the checkpoint, 2 in this run/);
});

test('a run on more devices than there are is refused before anything is written', TIMEOUT, async () => {
  const request = runRequest(fields('many', { numDevices: 3 }));
  for (const validateOnly of [true, false])
    await assert.rejects(trainer.create({ ...request, validateOnly }), (error) => {
      const { code, reason, message } = refusalOf(error);
      assert.deepEqual([code, reason], ['FAILED_PRECONDITION', 'DEVICES_MISSING']);
      assert.match(message, /num_devices is 3: the CPU is one; GPUs are trained on with PEMMICAN_TENSORFLOW=gpu/);
      return true;
    });
  assert.ok(!existsSync(path.join(work, 'many')));
  for (const numDevices of [0, 17])
    await assert.rejects(finish(trainer, fields('none', { numDevices })), (error) => {
      assert.match(
        refusalOf(error).message,
        new RegExp(`numDevices is ${numDevices}, expected an integer from 1 to 16`),
      );
      return true;
    });
});

test('requireDevices asks the engine for its GPUs', () => {
  // As many as the CPU may stand for, or the one that is always there.
  requireDevices(2, { tensorflow: 'cpu', cpuDeviceCount: 2 });
  requireDevices(1, { tensorflow: 'gpu', cpuDeviceCount: 1 });
  assert.throws(() => {
    requireDevices(2, { tensorflow: 'cpu', cpuDeviceCount: 1 });
  }, /num_devices is 2/);
  assert.deepEqual(otherDeviceNames(3, 'gpu'), ['/device:GPU:1', '/device:GPU:2']);
  assert.equal(hasDevice('/device:CPU:0', 'cpu'), true);
  // TensorFlow's build for CPUs has no GPU, whatever the machine has.
  assert.equal(hasDevice('/device:GPU:1', 'cpu'), false);
});

test('the estimate has the memory of each device', TIMEOUT, async () => {
  const [one, two] = await Promise.all([1, 2].map((numDevices) => estimate(numDevices)));
  const [first, other] = [two!.full!.memory!, two!.full!.otherDeviceMemory!];
  assert.equal(one!.full!.otherDeviceMemory, undefined);
  assert.equal(first.optimizerBytes, one!.full!.memory!.optimizerBytes);
  assert.equal(other.optimizerBytes, 0);
  assert.ok(other.weightBytes > 0 && other.weightBytes <= first.weightBytes);
  assert.ok(other.activationBytes > 0 && other.peakBytes < first.peakBytes);
  // Both add gradients up, in accumulators of the weights' size.
  assert.ok(first.gradientBytes >= first.weightBytes);
});

function estimate(numDevices: number): Promise<EstimateMemoryResponse> {
  const options = { perDeviceTrainBatchSize: 64, numDevices };
  const request = EstimateMemoryRequest.fromPartial({ modelUri: model, sequenceLength: 32, options });
  return new Promise((resolve, reject) => {
    trainer.client.estimateMemory(request, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}
