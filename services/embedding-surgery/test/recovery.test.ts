import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ReduceSpec, RestoreSpec } from '@pemmican/contract/surgery';
import { entryOf, type TensorEntry } from '@pemmican/safetensors';
import { makeTinyModel } from '@pemmican/testkit';
import { reduceJob } from '../src/reduce-job.ts';
import { restoreJob } from '../src/restore-job.ts';
import type { SurgeryHooks } from '../src/surgery-hooks.ts';
import { REPOSITORY, reduceSpec, restoreSpec, surgeryHooks, temporaryFolder, writeAdapter } from './harness.ts';

const MODEL = path.join(REPOSITORY, '.cache/models/all-MiniLM-L6-v2');
const KEPT = [0, 100, 101, 102, 103, 2000, 2001];
const options = { skip: existsSync(path.join(MODEL, 'model.safetensors')) ? false : 'the model is not set up' };
const hooks = (isRecovered: boolean): SurgeryHooks => surgeryHooks({ isRecovered });

test('reduceJob and restoreJob take their own finished output for theirs after a kill', options, async (t) => {
  const folder = temporaryFolder(t);
  const reduced = path.join(folder, 'reduced');
  const reduce = reduceSpec({ modelUri: MODEL, outputUri: reduced, keptTokenIds: KEPT, exportTokenizer: true })
    .operation!.value as ReduceSpec;
  const result = await reduceJob(reduce, hooks(false));
  const { ino } = statSync(path.join(reduced, 'model.safetensors'));
  assert.deepEqual(await reduceJob(reduce, hooks(true)), result);
  assert.equal(statSync(path.join(reduced, 'model.safetensors')).ino, ino);
  await assert.rejects(reduceJob(reduce, hooks(false)), { code: 'DESTINATION_EXISTS' });
  const other = { ...reduce, vocabulary: { $case: 'keptTokenIds' as const, value: { fullTokenIds: [...KEPT, 5000] } } };
  await assert.rejects(reduceJob(other, hooks(true)), { code: 'DESTINATION_EXISTS' });

  const restored = path.join(folder, 'restored');
  const restore = restoreSpec({ modelUri: MODEL, trainedUri: reduced, outputUri: restored }).operation!
    .value as RestoreSpec;
  const back = await restoreJob(restore, hooks(false));
  assert.deepEqual(await restoreJob(restore, hooks(true)), back);
  await assert.rejects(restoreJob(restore, hooks(false)), { code: 'DESTINATION_EXISTS' });
  const weights = readFileSync(path.join(restored, 'model.safetensors'));
  weights[weights.length - 1]! ^= 1;
  writeFileSync(path.join(restored, 'model.safetensors'), weights);
  await assert.rejects(restoreJob(restore, hooks(true)), { code: 'DESTINATION_EXISTS' });
});

test('reduceJob and restoreJob never replace what somebody else has put at the output', options, async (t) => {
  const folder = temporaryFolder(t);
  const outputUri = path.join(folder, 'out');
  mkdirSync(outputUri);
  writeFileSync(path.join(outputUri, 'notes.txt'), 'mine');
  const reduce = reduceSpec({ modelUri: MODEL, outputUri, keptTokenIds: KEPT }).operation!.value as ReduceSpec;
  for (const isRecovered of [false, true])
    await assert.rejects(reduceJob(reduce, hooks(isRecovered)), { code: 'DESTINATION_EXISTS' });
  assert.equal(readFileSync(path.join(outputUri, 'notes.txt'), 'utf8'), 'mine');
  await reduceJob({ ...reduce, overwrite: true }, hooks(false));
  assert.equal(existsSync(path.join(outputUri, 'notes.txt')), false);
  rmSync(outputUri, { recursive: true });
});

test('restoreJob takes its own finished merge of an adapter for its own after a kill, and nothing else', async (t) => {
  const folder = temporaryFolder(t);
  const [model, adapter, outputUri] = ['model', 'adapter', 'merged'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  await makeTinyModel(model);
  const fields = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['query'], base_model_name_or_path: model };
  const query = 'base_model.model.bert.encoder.layer.0.attention.self.query';
  const tensor = (name: string, shape: readonly number[]): TensorEntry =>
    entryOf(`${query}.${name}.weight`, 'F32', shape, new Uint8Array(new Float32Array(64).fill(0.5).buffer));
  await writeAdapter(adapter, fields, [tensor('lora_A', [2, 32]), tensor('lora_B', [32, 2])]);

  const spec = restoreSpec({ modelUri: model, trainedUri: adapter, outputUri }).operation!.value as RestoreSpec;
  const result = await restoreJob(spec, hooks(false));
  assert.equal(result.mergedModuleCount, 1);
  const weightsFile = path.join(outputUri, 'model.safetensors');
  const { ino } = statSync(weightsFile);
  assert.deepEqual(await restoreJob(spec, hooks(true)), result);
  assert.equal(statSync(weightsFile).ino, ino, 'nothing was written again');
  await assert.rejects(restoreJob(spec, hooks(false)), { code: 'DESTINATION_EXISTS' });
  const weights = readFileSync(weightsFile);
  for (const changed of [
    weights.subarray(0, weights.length - 4),
    Buffer.concat([weights, Buffer.alloc(1)]),
    Buffer.from(weights.map((byte, index) => (index === weights.length - 1 ? byte ^ 1 : byte))),
  ]) {
    writeFileSync(weightsFile, changed);
    await assert.rejects(restoreJob(spec, hooks(true)), { code: 'DESTINATION_EXISTS' });
    assert.ok(readFileSync(weightsFile).equals(changed), 'what is there stays');
  }
  writeFileSync(weightsFile, weights);
  rmSync(path.join(outputUri, 'config.json'));
  await assert.rejects(restoreJob(spec, hooks(true)), { code: 'DESTINATION_EXISTS' });
});
