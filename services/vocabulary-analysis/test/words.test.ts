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

const MAX_LENGTH = 8;
// Ids of the tiny model: each of its words is one token, and a hyphen an unknown one.
const [UNKNOWN, CLS, SEP, FIRST_WORD] = [1, 2, 3, 5];
const WORDS = { recordKind: RecordKind.WORDS, maxSequenceLength: MAX_LENGTH };

/** Split texts of one to nine words, every third word of three tokens. */
const RECORDS = Array.from({ length: 3000 }, (_, record) => {
  const tokens = Array.from({ length: 1 + (record % 9) }, (__, word) => {
    const first = `word${(record + word * 7) % 90}`;
    return word % 3 === 2 ? `${first}-word7` : first;
  });
  return { tokens, ner_tags: tokens.map((__, word) => word % 2) };
});

function writeRecords(folder: string, records: readonly unknown[]): { split: Split; uri: string } {
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return { split: Split.TRAIN, uri };
}

test('an analysis of words counts the tokens of each word by itself, cut to the sequence length', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const client = await startService(t, folder);
  const file = writeRecords(folder, RECORDS);
  const analysis = await runAnalysis(client, analysisSpec(model, [file], { dataset: WORDS }));
  assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
  const expected = new Map<number, number>();
  let truncatedCount = 0;
  for (const { tokens } of RECORDS) {
    const ids = tokens.flatMap((word) =>
      word.split(/(-)/).map((part) => (part === '-' ? UNKNOWN : FIRST_WORD + Number(part.slice('word'.length)))),
    );
    if (ids.length > MAX_LENGTH - 2) truncatedCount++;
    for (const id of [CLS, ...ids.slice(0, MAX_LENGTH - 2), SEP]) expected.set(id, (expected.get(id) ?? 0) + 1);
  }
  const chunks = await downloadProfile(client, analysis.name);
  const profile = parseProfile(JSON.parse(Buffer.concat(chunks.map(({ data }) => data)).toString()), 'profile');
  const [train] = profile.splits;
  assert.deepEqual([train?.recordCount, train?.truncatedRecordCount], [RECORDS.length, truncatedCount]);
  assert.ok(truncatedCount > 1000);
  const counted = new Map(train?.tokenIds.map((id, index) => [id, train.counts[index]]));
  assert.deepEqual(counted, new Map([...expected].sort(([a], [b]) => a - b)));
});

test('an analysis of words reads lists out of Parquet, and refuses what is no list', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const client = await startService(t, folder);
  const parquet = { split: Split.TRAIN, uri: path.join(REPOSITORY, 'libs/dataset/fixtures/words.parquet') };
  const { result, error } = await runAnalysis(client, analysisSpec(model, [parquet], { dataset: WORDS }));
  assert.equal(result?.splits[0]?.recordCount, 3, error?.message);
  const file = writeRecords(folder, [...RECORDS.slice(0, 2), { tokens: 'word1 word2', ner_tags: [0, 0] }]);
  const failed = await runAnalysis(client, analysisSpec(model, [file], { dataset: WORDS }));
  assert.deepEqual(
    [failureOf(failed).reason, failureOf(failed).message.replace(/^.*train/, 'train')],
    [
      'INVALID_TEXT',
      'train.jsonl: row 3: "tokens" is "word1 word2", expected a list of strings, as JSON, JSONL and Parquet have them',
    ],
  );
});
