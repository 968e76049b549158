import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ReduceSpec, RestoreSpec } from '@pemmican/contract/surgery';
import { reduceJob } from '../src/reduce-job.ts';
import { restoreJob } from '../src/restore-job.ts';
import { REPOSITORY, reduceSpec, restoreSpec, temporaryFolder } from './harness.ts';

const MODEL = path.join(REPOSITORY, '.cache/models/all-MiniLM-L6-v2');
const KEPT = [0, 100, 101, 102, 103, 2000, 2001];
const options = { skip: existsSync(path.join(MODEL, 'model.safetensors')) ? false : 'the model is not set up' };
const hooks = (isRecovered: boolean): Parameters<typeof reduceJob>[1] => ({
  signal: new AbortController().signal,
  hub: { cacheFolder: '/nonexistent' },
  isRecovered,
  onProgress: () => undefined,
});

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
