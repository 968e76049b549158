import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  EstimateMemoryRequest,
  MemoryLimitSource,
  RunState,
  type EstimateMemoryResponse,
  type RunResult,
  type TrainingOptions,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import { refusalOf } from '@pemmican/testkit';
import { failureOf, finish, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train, validation } = tinyTrainer('batch-size');

/** As the service counts it. */
const ENGINE_BYTES = 400_000_000;
/** Eight words and two special tokens. */
const LONGEST_RECORD_TOKENS = 10;
const ASKED = { perDeviceTrainBatchSize: 32, maxSteps: 4, saveSteps: 2, learningRate: 1e-2 };

const fields = (name: string, options: NonNullable<RunFields['options']>): RunFields => ({
  model,
  output: path.join(work, name),
  train,
  validation,
  options,
});

function estimate(options: Partial<TrainingOptions>, memoryLimitBytes = 0): Promise<EstimateMemoryResponse> {
  const sequenceLength = LONGEST_RECORD_TOKENS;
  const request = EstimateMemoryRequest.fromPartial({ modelUri: model, sequenceLength, memoryLimitBytes, options });
  return new Promise((resolve, reject) => {
    trainer.client.estimateMemory(request, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

async function peakOf(perDeviceTrainBatchSize: number, gradientAccumulationSteps: number): Promise<number> {
  const { full } = await estimate({ perDeviceTrainBatchSize, gradientAccumulationSteps });
  return full!.memory!.peakBytes;
}

function resultOf(run: {
  state: RunState;
  result?: RunResult | undefined;
  error?: { message: string } | undefined;
}): RunResult {
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  return run.result!;
}

const sizesOf = (result: RunResult): number[] => [result.perDeviceTrainBatchSize, result.gradientAccumulationSteps];
const logOf = (events: readonly WatchRunResponse[]): string =>
  events.flatMap(({ event }) => (event?.$case === 'log' ? [event.value.message] : [])).join('\n');
const weights = (name: string): Buffer => readFileSync(path.join(work, name, 'model.safetensors'));
const losses = (name: string): number[] =>
  readFileSync(path.join(work, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss: number }).loss);

test(
  'a run that finds its batch size takes the largest half that the memory plan allows, and its numbers are those of that split',
  TIMEOUT,
  async () => {
    const [peakBytes, tooManyBytes] = [await peakOf(8, 4), await peakOf(16, 2)];
    const autoFindMemoryBytes = ENGINE_BYTES + peakBytes;
    const options = { ...ASKED, autoFindBatchSize: true, autoFindMemoryBytes };
    const { run, events } = await finish(trainer, fields('found', options));
    const result = resultOf(run);
    assert.deepEqual(sizesOf(result), [8, 4]);
    const { perDeviceEvalBatchSize, ...search } = result.batchSizeSearch!;
    assert.deepEqual(search, {
      askedBatchSize: 32,
      limitSource: MemoryLimitSource.PROCESS_MEMORY,
      limitBytes: autoFindMemoryBytes,
      tensorLimitBytes: peakBytes,
      plannedPeakBytes: peakBytes,
      refusedBatchSize: 16,
      refusedPeakBytes: tooManyBytes,
      isResumed: false,
    });
    assert.ok(perDeviceEvalBatchSize >= 1 && perDeviceEvalBatchSize <= 16);
    // The same plan as the estimate's: as many records as fit there, and not twice as many as were taken.
    const { full } = await estimate({ gradientAccumulationSteps: 4 }, autoFindMemoryBytes);
    assert.ok(full!.largestBatchSize >= 8 && full!.largestBatchSize < 16, String(full!.largestBatchSize));
    assert.match(
      logOf(events),
      new RegExp(
        `Micro-batches of 8 records in place of 32, 4 a step: a step with records of 10 tokens takes ${peakBytes} bytes as planned, with 16 it would be ${tooManyBytes}; there are ${peakBytes} bytes for tensors \\(auto_find_memory_bytes ${autoFindMemoryBytes}\\)`,
      ),
    );
    const given = { ...ASKED, perDeviceTrainBatchSize: 8, gradientAccumulationSteps: 4 };
    const explicit = resultOf((await finish(trainer, fields('given', given))).run);
    assert.equal(explicit.batchSizeSearch, undefined);
    assert.deepEqual(sizesOf(explicit), [8, 4]);
    assert.ok(weights('found').equals(weights('given')));
    assert.deepEqual(losses('found'), losses('given'));
  },
);

test('a run that goes on keeps the batch size that it began with, whatever memory there is', TIMEOUT, async () => {
  const resumeFromCheckpoint = path.join(work, 'found', 'checkpoint-2');
  const options = { ...ASKED, autoFindBatchSize: true };
  const { run, events } = await finish(trainer, { ...fields('resumed', options), resumeFromCheckpoint });
  const result = resultOf(run);
  assert.deepEqual(sizesOf(result), [8, 4]);
  assert.equal(result.batchSizeSearch?.isResumed, true);
  assert.match(logOf(events), /Micro-batches of 8 records in place of 32, 4 a step, as the checkpoint has it/);
  assert.ok(weights('resumed').equals(weights('found')));
  const other = { ...options, perDeviceTrainBatchSize: 16 };
  const refused = await finish(trainer, { ...fields('refused', other), resumeFromCheckpoint });
  assert.match(failureOf(refused.run).message, /gradientAccumulationSteps is 4 in the checkpoint, 1 in this run/);
});

test('a run that finds its batch size takes the asked one where it fits the free memory', TIMEOUT, async () => {
  const { run, events } = await finish(trainer, fields('free', { ...ASKED, autoFindBatchSize: true }));
  const result = resultOf(run);
  assert.deepEqual(sizesOf(result), [32, 1]);
  const search = result.batchSizeSearch!;
  assert.equal(search.limitSource, MemoryLimitSource.FREE_MEMORY);
  assert.deepEqual([search.refusedBatchSize, search.refusedPeakBytes, search.perDeviceEvalBatchSize], [0, 0, 16]);
  assert.equal(search.plannedPeakBytes, await peakOf(32, 1));
  assert.match(logOf(events), /Micro-batches of 32 records, as asked for: .* \(free memory \d+\)/);
});

test(
  'a run that finds its batch size stays within a budget under which the asked one runs out of memory',
  TIMEOUT,
  async () => {
    const budget = { memoryBudgetBytes: 2 * 2 ** 20 };
    const asked = { ...ASKED, perDeviceTrainBatchSize: 64 };
    const without = await finish(trainer, { ...fields('without', asked), ...budget });
    const failure = failureOf(without.run);
    assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'OUT_OF_MEMORY'], failure.message);
    const { run } = await finish(trainer, { ...fields('within', { ...asked, autoFindBatchSize: true }), ...budget });
    const result = resultOf(run);
    assert.equal(result.perDeviceTrainBatchSize * result.gradientAccumulationSteps, 64);
    const search = result.batchSizeSearch!;
    assert.deepEqual([search.limitSource, search.limitBytes], [MemoryLimitSource.MEMORY_BUDGET, 2 * 2 ** 20]);
    assert.ok(search.refusedBatchSize > 0 && search.refusedPeakBytes > search.tensorLimitBytes);
    assert.ok(search.plannedPeakBytes <= search.tensorLimitBytes);
  },
);

test(
  'a run that finds its batch size fails with the plan where one record does not fit, and leaves no model',
  TIMEOUT,
  async () => {
    const options = { ...ASKED, autoFindBatchSize: true, autoFindMemoryBytes: ENGINE_BYTES + 100_000 };
    const { run } = await finish(trainer, fields('none', options));
    const { code, reason, message } = failureOf(run);
    assert.deepEqual([code, reason], ['RESOURCE_EXHAUSTED', 'OUT_OF_MEMORY'], message);
    const planned = await peakOf(1, 32);
    assert.ok(
      message.includes(
        `A step with one record of 10 tokens takes ${planned} bytes as planned; there are 100000 bytes for tensors (auto_find_memory_bytes 400100000)`,
      ),
      message,
    );
    assert.equal(existsSync(path.join(work, 'none', 'model.safetensors')), false);
  },
);

test('memory to find a batch size for is refused where none is to be found', TIMEOUT, async () => {
  const options = { ...ASKED, autoFindMemoryBytes: 1e9 };
  const refused = await finish(trainer, fields('unasked', options)).catch((error: unknown) => error);
  const { code, message } = refusalOf(refused);
  assert.equal(code, 'INVALID_ARGUMENT');
  assert.match(message, /auto_find_memory_bytes.*must be 0 without auto_find_batch_size/);
});
