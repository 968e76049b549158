import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { AnalysisState, MergeProfilesRequest, Split, type AnalysisResult } from '@pemmican/contract/vocabulary';
import type { VocabularyAnalysisServiceClient } from '@pemmican/contract/vocabulary';
import { makeTinyDataset, makeTinyModel, refusalOf } from '@pemmican/testkit';
import { analysisSpec, runAnalysis, startService, temporaryFolder } from './harness.ts';

function merge(
  client: VocabularyAnalysisServiceClient,
  fields: Parameters<typeof MergeProfilesRequest.fromPartial>[0],
): Promise<AnalysisResult | undefined> {
  return new Promise((resolve, reject) => {
    client.mergeProfiles(MergeProfilesRequest.fromPartial(fields), (error, response) => {
      if (error === null) resolve(response.result);
      else reject(error);
    });
  });
}

/** The tiny model, a data set and its profile, whole and of three shards. */
async function prepare(t: TestContext): Promise<{ client: VocabularyAnalysisServiceClient; folder: string }> {
  const folder = temporaryFolder(t);
  await makeTinyModel(path.join(folder, 'model'));
  await makeTinyDataset(path.join(folder, 'whole.jsonl'), 90);
  const lines = readFileSync(path.join(folder, 'whole.jsonl'), 'utf8').trim().split('\n');
  [lines.slice(0, 10), lines.slice(10, 11), lines.slice(11)].forEach((shard, index) => {
    writeFileSync(path.join(folder, `shard-${index}.jsonl`), `${shard.join('\n')}\n`);
  });
  const client = await startService(t, folder);
  for (const name of ['whole', 'shard-0', 'shard-1', 'shard-2']) {
    const spec = analysisSpec(
      path.join(folder, 'model'),
      [{ split: Split.TRAIN, uri: path.join(folder, `${name}.jsonl`) }],
      { profileUri: path.join(folder, `${name}.json`) },
    );
    const analysis = await runAnalysis(client, spec);
    assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
  }
  return { client, folder };
}

test('mergeProfiles writes the very file that an analysis of the whole writes', async (t) => {
  const { client, folder } = await prepare(t);
  const profileUris = [2, 0, 1].map((index) => path.join(folder, `shard-${index}.json`));
  const outputUri = path.join(folder, 'sub/merged.json');
  const result = await merge(client, { profileUris, outputUri });
  assert.deepEqual(readFileSync(outputUri, 'utf8'), readFileSync(path.join(folder, 'whole.json'), 'utf8'));
  assert.equal(result?.profileUri, outputUri);
  assert.equal(result.splits[0]?.recordCount, 90);
});

test('mergeProfiles refuses what cannot be merged and writes nothing', async (t) => {
  const { client, folder } = await prepare(t);
  const shard = path.join(folder, 'shard-0.json');
  const outputUri = path.join(folder, 'merged/merged.json');
  const broken = path.join(folder, 'broken.json');
  writeFileSync(broken, readFileSync(shard, 'utf8').slice(0, 500));
  const other = path.join(folder, 'other.json');
  writeFileSync(other, readFileSync(shard, 'utf8').replace('"maxSequenceLength":128', '"maxSequenceLength":64'));
  const cases = [
    [[shard, path.join(folder, 'none.json')], {}, 'NOT_FOUND', 'NOT_FOUND', /none\.json/],
    [[shard, broken], {}, 'INVALID_ARGUMENT', 'INVALID_JSON', /broken\.json: is not valid JSON/],
    [[shard, other], {}, 'FAILED_PRECONDITION', 'PROFILE_MISMATCH', /other\.json: maxSequenceLength is 64.*128/],
    [[], {}, 'INVALID_ARGUMENT', 'INVALID_FIELD', /profile_uris: has 0/],
    [
      ['s3://b/x'],
      { padToMultipleOf: 1e6 },
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
      /profile_uris\[0\].*pad_to_multiple_of/,
    ],
    [[shard], { maxRows: 2 }, 'INVALID_ARGUMENT', 'INVALID_OPTION', /maxRows 2 is less than the 5 ids/],
  ] as const;
  for (const [profileUris, more, code, reason, message] of cases) {
    await assert.rejects(merge(client, { profileUris: [...profileUris], outputUri, ...more }), (error) => {
      const failure = refusalOf(error);
      assert.deepEqual([failure.code, failure.reason], [code, reason], failure.message);
      assert.match(failure.message, message);
      return true;
    });
  }
  assert.equal(existsSync(outputUri), false);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.tmp')),
    [],
  );
});
