import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { AnalysisState, RecordKind, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel } from '@pemmican/testkit';
import { parseProfile } from '@pemmican/vocabulary';
import {
  REPOSITORY,
  analysisSpec,
  downloadProfile,
  failureOf,
  runAnalysis,
  startService,
  temporaryFolder,
} from './harness.ts';

// Ids of the tiny model: each of its words is one token. [CLS] question [SEP] context [SEP].
const [CLS, SEP, FIRST_WORD] = [2, 3, 5];
const [MAX_LENGTH, STRIDE] = [12, 3];
const QUESTIONS = { recordKind: RecordKind.QUESTIONS, maxSequenceLength: MAX_LENGTH, docStride: STRIDE };

const words = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => (first + 7 * index) % 90);
const textOf = (indices: readonly number[]): string => indices.map((index) => `word${index}`).join(' ');

/** Questions of one to four words to contexts of one to forty. */
const RECORDS = Array.from({ length: 400 }, (_, record) => {
  const [question, context] = [words(record, 1 + (record % 4)), words(record * 3, 1 + (record % 40))];
  const answer = `word${context[0]!}`;
  return { question, context, answers: { text: [answer], answer_start: [0] } };
});

test('an analysis of questions counts every window over a context, each with the whole question', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const client = await startService(t, folder);
  const uri = path.join(folder, 'train.jsonl');
  const rows = RECORDS.map(({ question, context, answers }) => ({
    question: ` ${textOf(question)}`,
    context: textOf(context),
    answers,
  }));
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const analysis = await runAnalysis(
    client,
    analysisSpec(model, [{ split: Split.TRAIN, uri }], { dataset: QUESTIONS }),
  );
  assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
  const expected = new Map<number, number>();
  const lengths = new Map<number, number>();
  for (const { question, context } of RECORDS) {
    const room = MAX_LENGTH - 3 - question.length;
    for (let start = 0; ; start += room - STRIDE) {
      const part = context.slice(start, start + room);
      const ids = [
        CLS,
        ...question.map((word) => FIRST_WORD + word),
        SEP,
        ...part.map((word) => FIRST_WORD + word),
        SEP,
      ];
      for (const id of ids) expected.set(id, (expected.get(id) ?? 0) + 1);
      lengths.set(ids.length, (lengths.get(ids.length) ?? 0) + 1);
      if (start + room >= context.length) break;
    }
  }
  const chunks = await downloadProfile(client, analysis.name);
  const [train] = parseProfile(JSON.parse(Buffer.concat(chunks.map(({ data }) => data)).toString()), 'profile').splits;
  const windowCount = lengths.values().reduce((sum, count) => sum + count, 0);
  assert.ok(windowCount > 2 * RECORDS.length);
  assert.equal(train?.recordCount, windowCount);
  assert.deepEqual(new Map(train.recordLengths), new Map([...lengths].sort(([a], [b]) => a - b)));
  assert.deepEqual(
    new Map(train.tokenIds.map((id, index) => [id, train.counts[index]])),
    new Map([...expected].sort(([a], [b]) => a - b)),
  );
});

test("an analysis of questions reads Parquet and SQuAD's own layout, and leaves out what training leaves out", async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const client = await startService(t, folder);
  const parquet = { split: Split.TRAIN, uri: path.join(REPOSITORY, 'libs/dataset/fixtures/questions.parquet') };
  const dataset = { ...QUESTIONS, maxSequenceLength: 64 };
  const read = await runAnalysis(
    client,
    analysisSpec(model, [parquet], { dataset: { ...dataset, version2WithNegative: true } }),
  );
  assert.equal(read.result?.splits[0]?.recordCount, 3, read.error?.message);
  const refused = await runAnalysis(client, analysisSpec(model, [parquet], { dataset }));
  assert.match(failureOf(refused).message, /questions\.parquet: row 3: "answers" has no answer/);
  const long = textOf(words(0, 60));
  const uri = path.join(folder, 'squad.json');
  const qas = [
    { question: 'word1', answers: [{ text: 'word0', answer_start: 0 }] },
    { question: 'word1', answers: [{ text: 'word0', answer_start: 1 }] },
    { question: textOf(words(0, 59)), answers: [{ text: 'word0', answer_start: 0 }] },
  ];
  writeFileSync(uri, JSON.stringify({ data: [{ paragraphs: [{ context: long, qas }] }] }));
  const file = { split: Split.TRAIN, uri };
  const squad = await runAnalysis(client, analysisSpec(model, [file], { dataset: { ...dataset, skipInvalid: true } }));
  const [split] = squad.result?.splits ?? [];
  assert.deepEqual([split?.recordCount, split?.skippedRecordCount], [1, 2], squad.error?.message);
  qas.splice(1, 1);
  writeFileSync(uri, JSON.stringify({ data: [{ paragraphs: [{ context: long, qas }] }] }));
  const narrow = await runAnalysis(client, analysisSpec(model, [file], { dataset }));
  assert.match(failureOf(narrow).message, /squad\.json: row 2: A window has room for 2 tokens of a text of 60/);
});
