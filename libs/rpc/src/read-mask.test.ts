import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Surgery } from '@pemmican/contract/surgery';
import { Run, RunState } from '@pemmican/contract/trainer';
import { readMask } from './mod.ts';

const run = Run.fromPartial({
  name: 'runs/1',
  uid: '1',
  state: RunState.SUCCEEDED,
  spec: {
    modelUri: '/model',
    outputUri: '/output',
    dataset: { files: [{ split: 1, uri: '/train' }], textColumn: 'text' },
    options: { learningRate: 1e-3, freeze: ['a'], lora: { rank: 8 }, seed: 42 },
  },
  progress: { step: 3, totalSteps: 4, epoch: 0.5 },
  result: { finalLoss: 0.25, evaluation: { accuracy: 0.5, step: 4 }, plannedMemory: { peakBytes: 9 } },
  error: { code: 3, message: 'wrong', details: [{ typeUrl: 'x', value: Buffer.of(1) }] },
  createTime: new Date(1000),
  endTime: new Date(2000),
});
const masked = (...paths: string[]): Run => readMask('pemmican.trainer.v1.Run', Run, paths)(run);
const surgery = (spec: object): Surgery => Surgery.fromPartial({ name: 'surgeries/1', spec });

test('readMask gives the chosen fields and leaves others unset', () => {
  assert.deepEqual(masked('name', 'state'), Run.fromPartial({ name: 'runs/1', state: RunState.SUCCEEDED }));
  assert.deepEqual(
    masked('progress.step', 'result.evaluation.accuracy', 'end_time', 'error.code'),
    Run.fromPartial({
      progress: { step: 3 },
      result: { evaluation: { accuracy: 0.5 } },
      endTime: new Date(2000),
      error: { code: 3 },
    }),
  );
  assert.deepEqual(
    masked('spec.dataset.files', 'spec.options.lora'),
    Run.fromPartial({ spec: { dataset: { files: [{ split: 1, uri: '/train' }] }, options: { lora: { rank: 8 } } } }),
  );
  // What is not set stays unset, and a part of it too.
  assert.deepEqual(masked('start_time', 'result.batch_size_search.limit_bytes'), Run.fromPartial({ result: {} }));
});

test('readMask takes a field with all of its parts, in whatever order the paths come', () => {
  for (const paths of [
    ['spec', 'spec.model_uri'],
    ['spec.model_uri', 'spec'],
    ['spec', 'spec'],
  ])
    assert.deepEqual(masked(...paths), Run.fromPartial({ spec: run.spec! }));
  const { fields } = { fields: ['name', 'uid', 'state', 'spec', 'progress', 'result', 'error', 'create_time', 'start_time', 'end_time'] }; // prettier-ignore
  assert.deepEqual(masked(...fields), run);
  assert.deepEqual(Run.encode(masked(...fields)).finish(), Run.encode(run).finish());
});

test('readMask gives everything for no path and for a star', () => {
  assert.equal(masked(), run);
  assert.equal(masked('*'), run);
  assert.equal(readMask('pemmican.trainer.v1.Run', Run, undefined)(run), run);
});

test('readMask goes through the members of a oneof', () => {
  const reduce = surgery({
    operation: { $case: 'reduce', value: { modelUri: '/m', outputUri: '/o', overwrite: true } },
  });
  const mask = (...paths: string[]): Surgery => readMask('pemmican.surgery.v1.Surgery', Surgery, paths)(reduce);
  assert.deepEqual(
    mask('spec.reduce.model_uri', 'spec.restore'),
    Surgery.fromPartial({ spec: { operation: { $case: 'reduce', value: { modelUri: '/m' } } } }),
  );
  assert.deepEqual(mask('spec.restore.output_uri'), Surgery.fromPartial({ spec: {} }));
});

test('readMask names every path that is no field', () => {
  const wrong = [
    '', ' ', '.', 'nothing', 'Name', 'createTime', 'name.', '.name', 'name.x', 'spec..model_uri', 'spec.modelUri', '*.name', 'spec.*',
    'spec.dataset.files.uri', 'create_time.seconds', 'spec.options.learning_rate.x', '__proto__', 'constructor', 'spec.toString',
  ]; // prettier-ignore
  for (const path of wrong)
    assert.throws(() => masked('name', path), {
      reason: 'INVALID_FIELD',
      message: `read_mask: has ${JSON.stringify(path)}, which is no field of pemmican.trainer.v1.Run`,
    });
  assert.throws(() => masked('a', 'name', 'b'), { message: /"a", .*; read_mask: has "b", / });
  assert.throws(() => masked('*', 'name'), { message: /has "\*"/ });
  assert.throws(() => masked(...new Array<string>(1001).fill('name')), {
    message: 'read_mask: has 1001 paths, at most 1000 are allowed',
  });
});
