import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { AnalysisState, RecordKind, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel, refusalOf } from '@pemmican/testkit';
import { parseProfile } from '@pemmican/vocabulary';
import { analysisSpec, downloadProfile, runAnalysis, startService, temporaryFolder } from './harness.ts';

// Ids of the tiny model: each of its words is one token.
const [CLS, SEP, FIRST_WORD] = [2, 3, 5];
const [MAX_SOURCE, MAX_TARGET] = [7, 4];
const PAIRS = {
  recordKind: RecordKind.SOURCE_AND_TARGET,
  sourcePrefix: 'word100 ',
  maxSequenceLength: MAX_SOURCE,
  maxTargetLength: MAX_TARGET,
};

const words = (record: number, count: number, step: number): string[] =>
  Array.from({ length: count }, (_, index) => `word${(record * 3 + index * step) % 90}`);
/** Sources of one to nine words with targets of none to four. */
const RECORDS = Array.from({ length: 4000 }, (_, record) => ({
  text: words(record, 1 + (record % 9), 7).join(' '),
  target: words(record, record % 5, 11).join(' '),
}));

/** What transformers' tokenizer gives of one-token words: cut, with special tokens around. */
function tokensOf(text: string, maxLength: number): number[] {
  const ids = text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => FIRST_WORD + Number(word.slice('word'.length)));
  return [CLS, ...ids.slice(0, maxLength - 2), SEP];
}

test('an analysis of sources and targets counts both, each cut to its own length', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const client = await startService(t, folder);
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, RECORDS.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const analysis = await runAnalysis(client, analysisSpec(model, [{ split: Split.TRAIN, uri }], { dataset: PAIRS }));
  assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
  const expected = new Map<number, number>();
  let cutCount = 0;
  for (const { text, target } of RECORDS) {
    const sides = [
      [`word100 ${text}`, MAX_SOURCE],
      [target, MAX_TARGET],
    ] as const;
    for (const [side, maxLength] of sides) {
      const ids = tokensOf(side, maxLength);
      if (ids.length < tokensOf(side, 100).length) cutCount++;
      for (const id of ids) expected.set(id, (expected.get(id) ?? 0) + 1);
    }
  }
  const chunks = await downloadProfile(client, analysis.name);
  const profile = parseProfile(JSON.parse(Buffer.concat(chunks.map(({ data }) => data)).toString()), 'profile');
  const [train] = profile.splits;
  const counted = new Map(train?.tokenIds.map((id, index) => [id, train.counts[index]]));
  assert.deepEqual(counted, new Map([...expected].sort(([a], [b]) => a - b)));
  assert.deepEqual([train?.recordCount, train?.truncatedRecordCount], [RECORDS.length, cutCount]);
  assert.equal(profile.maxTargetLength, MAX_TARGET);
  // Two special tokens and up to two words.
  assert.deepEqual(train?.targetLengths, [
    [2, 800],
    [3, 800],
    [4, 2400],
  ]);
  const [usage] = analysis.result?.splits ?? [];
  assert.deepEqual([usage?.tokensPerRecordMax, usage?.tokensPerTargetMax], [MAX_SOURCE, MAX_TARGET]);
});

test('an analysis refuses what only sources and targets have for other records', async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const spec = analysisSpec(folder, [{ split: Split.TRAIN, uri: path.join(folder, 'train.jsonl') }], {
    dataset: { ...PAIRS, recordKind: RecordKind.TEXT },
  });
  await assert.rejects(runAnalysis(client, spec), (error) => {
    const { message } = refusalOf(error);
    assert.match(message, /source_prefix.*the records have no targets/);
    assert.match(message, /max_target_length.*the records have no targets/);
    return true;
  });
});
