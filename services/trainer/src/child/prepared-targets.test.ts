import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DatasetSpec, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel } from '@pemmican/testkit';
import { prepareData, type PreparedData } from './prepared-data.ts';
import { prepareModel } from './prepared-model.ts';

// Ids of the tiny model: each of its words is one token.
const [CLS, SEP, FIRST_WORD] = [2, 3, 5];

async function prepare(
  t: TestContext,
  rows: readonly unknown[],
  dataset: Parameters<typeof DatasetSpec.fromPartial>[0],
): Promise<PreparedData> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-targets-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await makeTinyModel(path.join(folder, 'model'));
  // Only its tokenizer is asked for.
  const prepared = await prepareModel(path.join(folder, 'model'), { cacheFolder: folder }, 'seq2seq-lm');
  t.after(() => prepared.checkpoint.close());
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return prepareData(prepared, {
    task: 'seq2seq-lm',
    labelCount: 0,
    unkeptTokensToUnk: false,
    needsLabels: false,
    breathe: () => Promise.resolve(),
    dataset: DatasetSpec.fromPartial({ ...dataset, files: [{ uri, split: Split.TRAIN }] }),
  });
}

test('prepareData tokenizes sources behind their prefix and targets, each cut to its own length', async (t) => {
  const rows = [
    { text: 'word1 word2', target: 'word3' },
    { text: 'word4', target: '' },
    { text: 'word5 word6 word7 word8', target: 'word9 word10 word11' },
  ];
  const spec = { sourcePrefix: 'word50 ', maxSequenceLength: 6, maxTargetLength: 4 };
  const { ids, offsets, targets } = (await prepare(t, rows, spec)).splits.get(Split.TRAIN)!;
  const word = (...numbers: number[]): number[] => [CLS, ...numbers.map((number) => FIRST_WORD + number), SEP];
  assert.deepEqual([...ids], [...word(50, 1, 2), ...word(50, 4), ...word(50, 5, 6, 7)]);
  assert.deepEqual([...offsets], [0, 5, 9, 15]);
  assert.deepEqual([...targets!.ids], [...word(3), ...word(), ...word(9, 10)]);
  assert.deepEqual([...targets!.offsets], [0, 3, 5, 9]);
});

test('prepareData keeps sources and targets together over blocks of records', async (t) => {
  // More than one block holds, and records that are left out between them.
  const rows = Array.from({ length: 5000 }, (_, record) =>
    record % 7 === 3
      ? { text: 'word1', target: null }
      : { text: `word${record % 90}`, target: `word${(record + 1) % 90}` },
  );
  const data = await prepare(t, rows, { skipInvalid: true });
  const { ids, recordCount, targets } = data.splits.get(Split.TRAIN)!;
  const kept = rows.flatMap(({ target }, record) => (target === null ? [] : [record]));
  assert.deepEqual([recordCount, data.skippedRecordCount], [kept.length, rows.length - kept.length]);
  kept.forEach((record, index) => {
    assert.equal(ids[3 * index + 1], FIRST_WORD + (record % 90));
    assert.equal(targets!.ids[3 * index + 1], FIRST_WORD + ((record + 1) % 90));
  });
});
