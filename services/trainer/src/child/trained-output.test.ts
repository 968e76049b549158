import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Task } from '@pemmican/models';
import { makeTinyModel } from '@pemmican/testkit';
import type { TrainingProgram } from '@pemmican/training';
import { prepareModel } from './prepared-model.ts';
import { wholeModelOutput } from './trained-output.ts';

test("wholeModelOutput writes the source's config.json with its numbers as they stand, and with the task's fields", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-trained-output-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await makeTinyModel(folder);
  const file = path.join(folder, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const source = JSON.stringify({ ...config, problem_type: 'regression', id2label: { 0: 'no' }, label2id: { no: 0 } });
  writeFileSync(file, source.replace(/}$/, ',"initializer_factor":1.0}'));
  const configOf = async (task: Task): Promise<string> => {
    const prepared = await prepareModel(folder, { cacheFolder: folder }, task);
    t.after(() => prepared.checkpoint.close());
    const data = {
      ...{
        splits: new Map<never, never>(),
        words: new Map<never, never>(),
        skippedRecordCount: 0,
        mappedToUnkCount: 0,
      },
      ...{ labelCount: 2, labelNames: ['bad', 'good'] },
    };
    // A program without parameters: only the config is looked at.
    const program = { parameters: [] } as unknown as TrainingProgram;
    const { companions } = await wholeModelOutput(prepared, data, task, program, []);
    return new TextDecoder().decode(companions.find(({ fileName }) => fileName === 'config.json')!.bytes);
  };
  const fieldsOf = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
  const classifier = await configOf('sequence-classification');
  assert.match(classifier, /"initializer_factor": 1\.0\n/);
  assert.deepEqual(fieldsOf(classifier)['id2label'], { 0: 'bad', 1: 'good' });
  assert.equal(fieldsOf(classifier)['problem_type'], 'single_label_classification');
  const answering = await configOf('question-answering');
  assert.match(answering, /"initializer_factor": 1\.0\n/);
  assert.deepEqual(fieldsOf(answering)['architectures'], ['BertForQuestionAnswering']);
  for (const field of ['id2label', 'label2id', 'problem_type']) assert.ok(!(field in fieldsOf(answering)), field);
});
