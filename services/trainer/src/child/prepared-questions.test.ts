import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DatasetSpec, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel } from '@pemmican/testkit';
import type { EncodedDataset } from '@pemmican/training';
import { prepareData, type DataRequest, type PreparedData } from './prepared-data.ts';
import { prepareModel } from './prepared-model.ts';

interface Row {
  readonly question: string;
  readonly context: string;
  readonly answers?: { readonly text: string[]; readonly answer_start: number[] };
}

// Ids of the tiny model: each of its words is one token. [CLS] question [SEP] context [SEP], 10 tokens in all.
const [CLS, SEP, FIRST_WORD] = [2, 3, 5];
const word = (index: number): number => FIRST_WORD + index;
const CONTEXT = Array.from({ length: 8 }, (_, index) => `word${index}`).join(' ');
const WINDOWED = { maxSequenceLength: 10, docStride: 2 };

async function prepare(
  t: TestContext,
  rows: readonly Row[],
  dataset: Partial<DatasetSpec> = {},
  changes: Partial<DataRequest> = {},
): Promise<PreparedData> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-questions-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await makeTinyModel(path.join(folder, 'model'));
  const prepared = await prepareModel(path.join(folder, 'model'), { cacheFolder: folder }, 'question-answering');
  t.after(() => prepared.checkpoint.close());
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return prepareData(prepared, {
    task: 'question-answering',
    labelCount: 0,
    unkeptTokensToUnk: false,
    needsLabels: true,
    breathe: () => Promise.resolve(),
    dataset: DatasetSpec.fromPartial({ ...WINDOWED, ...dataset, files: [{ uri, split: Split.VALIDATION }] }),
    ...changes,
  });
}

const answered = (text: string, context = CONTEXT, question = ' word50 word51'): Row => ({
  question,
  context,
  answers: { text: [text], answer_start: [Array.from(context.slice(0, context.indexOf(text))).length] },
});

function windowsOf({ ids, offsets, recordCount }: EncodedDataset): number[][] {
  return Array.from({ length: recordCount }, (_, window) => [...ids.subarray(offsets[window], offsets[window + 1])]);
}

test('prepareData cuts contexts into windows that share the stride, and labels the tokens of the answer', async (t) => {
  const { splits } = await prepare(t, [answered('word3 word4'), answered('word7')]);
  const split = splits.get(Split.VALIDATION)!;
  const question = [CLS, word(50), word(51), SEP];
  const windows = [
    [...question, ...[0, 1, 2, 3, 4].map(word), SEP],
    [...question, ...[3, 4, 5, 6, 7].map(word), SEP],
  ];
  assert.deepEqual(windowsOf(split), [...windows, ...windows]);
  const { spans, windowQuestions, contexts, answers, tokenStarts, tokenEnds } = split.questions!;
  assert.deepEqual([...windowQuestions], [0, 0, 1, 1]);
  // Whole in both windows; then in the last token of the second one, and the classification token where it is not.
  assert.deepEqual([...spans], [7, 8, 4, 5, 0, 0, 8, 8]);
  assert.deepEqual(contexts, [CONTEXT, CONTEXT]);
  assert.deepEqual(answers, [['word3 word4'], ['word7']]);
  assert.deepEqual([...tokenStarts.subarray(0, 10)], [-1, -1, -1, -1, 0, 6, 12, 18, 24, -1]);
  assert.deepEqual([...tokenEnds.subarray(10, 20)], [-1, -1, -1, -1, 23, 29, 35, 41, 47, -1]);
  assert.deepEqual([...split.typeIds.subarray(0, 10)], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
});

test('prepareData counts positions in code points, and takes questions without an answer where it may', async (t) => {
  const rows = [answered('word2', '😀 word1 word2'), { ...answered('word0'), answers: { text: [], answer_start: [] } }];
  const { splits } = await prepare(t, rows, { version2WithNegative: true });
  const { spans, tokenStarts, answers, allowsUnanswered } = splits.get(Split.VALIDATION)!.questions!;
  // The emoji is an unknown token of one character.
  assert.deepEqual([...tokenStarts.subarray(4, 7)], [0, 2, 8]);
  assert.deepEqual([...spans], [6, 6, 0, 0, 0, 0]);
  assert.deepEqual([answers[1], allowsUnanswered], [[], true]);
});

test('prepareData refuses questions without an answer or with too little room, with the row', async (t) => {
  const refuse = (row: Row, message: RegExp): Promise<void> =>
    assert.rejects(prepare(t, [answered('word1'), row]), { name: 'DatasetError', message });
  await refuse(
    { ...answered('word0'), answers: { text: [], answer_start: [] } },
    /train\.jsonl: row 2: "answers" has no answer/,
  );
  await refuse(
    { ...answered('word0'), answers: { text: ['word0'], answer_start: [1] } },
    /train\.jsonl: row 2: "answers" answer 1 of 1: at answer_start 1 the context has "ord0 ", not "word0"$/,
  );
  await refuse(
    answered('word0', CONTEXT, 'word50 word51 word52 word53 word54'),
    /train\.jsonl: row 2: A window has room for 2 tokens of a text of 8, which must be more than the stride of 2$/,
  );
});

test('prepareData leaves such questions out where it may, and counts them', async (t) => {
  const rows = [
    answered('word0', CONTEXT, 'word50 word51 word52 word53 word54'),
    { ...answered('word0'), answers: { text: ['word0'], answer_start: [1] } },
    answered('word1', 'word1'),
  ];
  const { splits, skippedRecordCount } = await prepare(t, rows, { skipInvalid: true });
  assert.equal(skippedRecordCount, 2);
  assert.deepEqual(windowsOf(splits.get(Split.VALIDATION)!), [[CLS, word(50), word(51), SEP, word(1), SEP]]);
});

test('prepareData reads other columns, and no answers where none are needed', async (t) => {
  const rows = [{ q: 'word1', c: 'word2' }] as unknown as Row[];
  const { splits } = await prepare(t, rows, { questionColumn: 'q', contextColumn: 'c' }, { needsLabels: false });
  assert.deepEqual(windowsOf(splits.get(Split.VALIDATION)!), [[CLS, word(1), SEP, word(2), SEP]]);
});
