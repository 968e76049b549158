import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel, refusalOf } from '@pemmican/testkit';
import { analysisSpec, getAnalysis, runAnalysis, startService, temporaryFolder } from './harness.ts';

test('an analysis that is older than the retention is deleted with its profile when the service starts', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, '{"text": "good", "label": 1}\n');
  const profiles = (): string[] => readdirSync(path.join(folder, 'state/profiles'));
  let name = '';
  await t.test('the service keeps all without one', async (first) => {
    const client = await startService(first, folder);
    ({ name } = await runAnalysis(client, analysisSpec(model, [{ split: Split.TRAIN, uri }])));
    assert.equal((await getAnalysis(client, name)).name, name);
    assert.equal(profiles().length, 1);
  });
  const client = await startService(t, folder, { PEMMICAN_RETENTION_DAYS: '0.0000001' });
  while (profiles().length > 0) await delay(5);
  await assert.rejects(getAnalysis(client, name), (error) => refusalOf(error).reason === 'RESOURCE_NOT_FOUND');
});
