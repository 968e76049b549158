import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { zip } from '../test/zip.ts';
import { unzip } from './unzip.ts';

let root = '';
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-unzip-'));
});
after(() => rm(root, { recursive: true }));

async function unpack(archive: Buffer, choose: (name: string) => string | undefined): Promise<string> {
  const file = path.join(root, 'archive.zip');
  await writeFile(file, archive);
  const folder = await mkdtemp(path.join(root, 'out-'));
  await unzip(file, folder, choose);
  return folder;
}

test('unzip writes the chosen files under the chosen names and counts them', async () => {
  const file = path.join(root, 'some.zip');
  await writeFile(file, zip({ 'a/b.txt': 'hello', 'a/c.txt': 'no', empty: '' }));
  const folder = await mkdtemp(path.join(root, 'out-'));
  const outcome = await unzip(file, folder, (name) => (name === 'a/c.txt' ? undefined : `to/${path.basename(name)}`));
  assert.deepEqual(outcome, { fileCount: 2, totalBytes: 5 });
  assert.deepEqual((await readdir(path.join(folder, 'to'))).sort(), ['b.txt', 'empty']);
  assert.equal(await readFile(path.join(folder, 'to/b.txt'), 'utf8'), 'hello');
});

test('unzip refuses names that lead out of the archive', async () => {
  await assert.rejects(
    unpack(zip({ '../evil': 'x' }), (name) => name),
    /invalid relative path: \.\.\/evil/,
  );
  await assert.rejects(
    unpack(zip({ '/etc/evil': 'x' }), (name) => name),
    /absolute path: \/etc\/evil/,
  );
});

test('unzip refuses a cut-off archive and damaged content', async () => {
  const whole = zip({ file: 'content '.repeat(100) });
  await assert.rejects(
    unpack(whole.subarray(0, whole.length - 30), (name) => name),
    /[Ee]nd of [Cc]entral [Dd]irectory/,
  );
  const damaged = zip({ file: 'content '.repeat(100) }, (data) => Buffer.from(data).fill(0xff, 4, 8));
  await assert.rejects(unpack(damaged, (name) => name));
});
