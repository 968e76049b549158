import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { AnalysisState, MergeProfilesRequest, Split } from '@pemmican/contract/vocabulary';
import { makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { REPOSITORY, analysisSpec, runAnalysis, startService, temporaryFolder } from './harness.ts';

const MAIN = path.join(REPOSITORY, 'services/vocabulary-analysis/src/shard/main.ts');
const SHARDS = 3;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** A pod of an Indexed Job, as a process. */
function countShard(folder: string, index: string, specFile: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        PEMMICAN_STATE_DIRECTORY: path.join(folder, `state-${index}`),
        PEMMICAN_ARTIFACT_ROOTS: path.join(folder, 'data'),
        PEMMICAN_SHARD_SPEC_FILE: specFile,
        JOB_COMPLETION_INDEX: index,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
}

/** The tiny model, a data set whole and in shards, and what its shards are counted by. */
async function prepare(t: TestContext): Promise<{ folder: string; data: string; specFile: string }> {
  const folder = temporaryFolder(t);
  const data = path.join(folder, 'data');
  mkdirSync(data);
  await makeTinyModel(path.join(data, 'model'));
  await makeTinyDataset(path.join(data, 'whole.jsonl'), 90);
  const lines = readFileSync(path.join(data, 'whole.jsonl'), 'utf8').trim().split('\n');
  for (let index = 0; index < SHARDS; index++) {
    const shard = lines.filter((_, line) => line % SHARDS === index);
    writeFileSync(path.join(data, `shard-${index}.jsonl`), `${shard.join('\n')}\n`);
  }
  const spec = {
    modelUri: path.join(data, 'model'),
    dataset: { files: [{ split: 'SPLIT_TRAIN', uri: path.join(data, 'shard-{index}.jsonl') }], maxSequenceLength: 32 },
    profileUri: path.join(data, 'profiles/{index}.json'),
  };
  const specFile = path.join(folder, 'spec.json');
  writeFileSync(specFile, JSON.stringify(spec));
  return { folder, data, specFile };
}

test('processes that count a shard each leave profiles that add up to what one analysis of all writes', async (t) => {
  const { folder, data, specFile } = await prepare(t);
  const ended = await Promise.all(
    Array.from({ length: SHARDS }, (_, index) => countShard(folder, String(index), specFile)),
  );
  for (const { code, output } of ended) assert.equal(code, 0, output);
  assert.match(ended[2]?.output ?? '', /"recordCount":30/);

  const client = await startService(t, folder);
  const profileUris = ended.map((_, index) => path.join(data, `profiles/${index}.json`));
  const outputUri = path.join(data, 'merged.json');
  await new Promise<void>((resolve, reject) => {
    client.mergeProfiles(MergeProfilesRequest.fromPartial({ profileUris, outputUri }), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  const whole = analysisSpec(path.join(data, 'model'), [{ split: Split.TRAIN, uri: path.join(data, 'whole.jsonl') }], {
    profileUri: path.join(data, 'whole.json'),
    dataset: { maxSequenceLength: 32 },
  });
  assert.equal((await runAnalysis(client, whole)).state, AnalysisState.SUCCEEDED);
  assert.equal(readFileSync(outputUri, 'utf8'), readFileSync(path.join(data, 'whole.json'), 'utf8'));
});

test('a shard that no other try would count ends with 2, and says why', async (t) => {
  const { folder, specFile } = await prepare(t);
  const elsewhere = path.join(folder, 'elsewhere.json');
  writeFileSync(
    elsewhere,
    readFileSync(specFile, 'utf8').replace(/"profileUri":"[^"]*/, '"profileUri":"/elsewhere/{index}.json'),
  );
  const [missing, outside] = await Promise.all([
    countShard(folder, '99', specFile),
    countShard(folder, '0', elsewhere),
  ]);
  assert.equal(missing.code, 2, missing.output);
  assert.match(missing.output, /NOT_FOUND.*shard-99\.jsonl/);
  assert.equal(outside.code, 2, outside.output);
  assert.match(outside.output, /PERMISSION_DENIED.*elsewhere/);
});
