import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RunState, type PredictResponse } from '@pemmican/contract/trainer';
import { SafetensorsFile } from '@pemmican/safetensors';
import { openByteSource } from '@pemmican/storage';

import { failureOf, finish, predictRequest, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train, validation } = tinyTrainer('lora');
const LORA = { rank: 4, dropout: 0.1 };
const OPTIONS = { maxSteps: 6, saveSteps: 2, learningRate: 1e-2, lora: LORA };

const fields = (name: string, options: RunFields['options'] = OPTIONS): RunFields => ({
  model,
  output: path.join(work, name),
  train,
  validation,
  options,
});

async function logits(modelFolder: string, baseModelUri = ''): Promise<number[]> {
  const request = { ...predictRequest(modelFolder, validation), baseModelUri };
  const values: number[] = [];
  for await (const response of trainer.client.predict(request)) values.push(...(response as PredictResponse).logits);
  return values;
}

async function tensorsOf(file: string): Promise<Map<string, string>> {
  const source = await openByteSource(file);
  const tensors = [...(await SafetensorsFile.open(source)).tensors.values()];
  await source.close();
  return new Map(tensors.map(({ name, dtype, shape }) => [name, `${dtype} [${shape.join(', ')}]`]));
}

test('a run with lora gives a PEFT adapter folder, its checkpoints hold nothing else', TIMEOUT, async () => {
  const { run } = await finish(trainer, fields('adapter'));
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  const output = path.join(work, 'adapter');
  // Queries and values of two layers: A [4, 32] and B [32, 4] each, and the head.
  assert.equal(run.result?.adaptedModuleCount, 4);
  assert.equal(run.result.trainedParameterCount, 4 * 2 * 4 * 32 + 2 * 32 + 2);
  const names = readdirSync(output);
  assert.ok(names.includes('adapter_config.json') && names.includes('vocab.txt'), names.join());
  assert.ok(!names.includes('model.safetensors'));
  const tensors = await tensorsOf(path.join(output, 'adapter_model.safetensors'));
  assert.equal(tensors.size, 10);
  const query = 'base_model.model.bert.encoder.layer.1.attention.self.query';
  assert.equal(tensors.get(`${query}.lora_A.weight`), 'F32 [4, 32]');
  assert.equal(tensors.get(`${query}.lora_B.weight`), 'F32 [32, 4]');
  assert.equal(tensors.get('base_model.model.classifier.bias'), 'F32 [2]');
  const config = JSON.parse(readFileSync(path.join(output, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(
    [config['peft_type'], config['task_type'], config['r'], config['lora_alpha'], config['lora_dropout']],
    ['LORA', 'SEQ_CLS', 4, 8, 0.1],
  );
  assert.equal(config['base_model_name_or_path'], model);
  const checkpoint = path.join(output, 'checkpoint-4');
  assert.ok(!existsSync(path.join(checkpoint, 'model.safetensors')));
  const moments = await tensorsOf(path.join(checkpoint, 'optimizer.safetensors'));
  assert.equal(moments.size, 2 * tensors.size);
});

test('predict applies an adapter to its base, which changes what the base alone says', TIMEOUT, async () => {
  const output = path.join(work, 'adapter');
  const values = await logits(output);
  assert.equal(values.length, 2 * 32);
  assert.ok(Math.max(...values) - Math.min(...values) > 1e-3);
  assert.deepEqual(await logits(output, model), values);
  // Another base gives other logits: those of the adapter are not all there is.
  const other = path.join(work, 'whole');
  await finish(trainer, fields('whole', { maxSteps: 4, learningRate: 1e-2 }));
  assert.notDeepEqual(await logits(output, other), values);
});

test('a run that goes on from an adapter checkpoint ends with the same bytes', TIMEOUT, async () => {
  const resumeFromCheckpoint = path.join(work, 'adapter', 'checkpoint-4');
  const { run } = await finish(trainer, { ...fields('resumed'), resumeFromCheckpoint });
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  const bytes = (name: string): Buffer => readFileSync(path.join(work, name, 'adapter_model.safetensors'));
  assert.ok(bytes('resumed').equals(bytes('adapter')));
});

test('an adapter checkpoint is not resumed beside another base, nor with other adapters', TIMEOUT, async () => {
  const resumeFromCheckpoint = path.join(work, 'adapter', 'checkpoint-4');
  const whole = path.join(work, 'whole');
  const onOther = await finish(trainer, { ...fields('other-base'), model: whole, resumeFromCheckpoint });
  assert.match(failureOf(onOther.run).message, /belongs to another run: baseFingerprint is /);
  const options = { ...OPTIONS, lora: { ...LORA, alpha: 16 } };
  const withOther = await finish(trainer, { ...fields('other-alpha', options), resumeFromCheckpoint });
  assert.match(failureOf(withOther.run).message, /belongs to another run: lora is .*"alpha":8.* in the checkpoint/);
});

test('a whole model takes the place of an adapter in a folder, and the other way round', TIMEOUT, async () => {
  await finish(trainer, fields('turns'));
  await finish(trainer, fields('turns', { maxSteps: 2 }));
  const names = (): string[] => readdirSync(path.join(work, 'turns')).filter((name) => /adapter|model\./.test(name));
  assert.deepEqual(names(), ['model.safetensors']);
  await finish(trainer, fields('turns'));
  assert.deepEqual(names(), ['adapter_config.json', 'adapter_model.safetensors']);
});

test('an adapter folder is no model to train, and says what to do', TIMEOUT, async () => {
  const { run } = await finish(trainer, { ...fields('twice'), model: path.join(work, 'adapter') });
  const { code, reason, message } = failureOf(run);
  assert.deepEqual([code, reason], ['FAILED_PRECONDITION', 'IS_ADAPTER']);
  assert.match(message, /is an adapter, not a model; `pemmican restore` merges it/);
});

test('estimateMemory plans gradients and moments of adapters and head only', TIMEOUT, async () => {
  const { full: whole } = await trainer.estimate(model, 0);
  const { full } = await trainer.estimate(model, 0, { lora: LORA });
  const trained = 4 * 2 * 4 * 32 + 2 * 32 + 2;
  assert.equal(full?.trainedParameterCount, trained);
  assert.equal(full.parameterCount, whole!.parameterCount + 4 * 2 * 4 * 32);
  assert.equal(full.memory?.optimizerBytes, 8 * trained);
  // No moments of what is frozen, at the least.
  assert.ok(full.memory.peakBytes <= whole!.memory!.peakBytes - 8 * (whole!.parameterCount - trained));
});
