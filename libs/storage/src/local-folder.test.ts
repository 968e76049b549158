import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { openByteSource, openFolder, parseLocation, readJson } from './mod.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'pemmican-storage-'));
  await mkdir(join(root, 'model', 'onnx'), { recursive: true });
  await mkdir(join(root, 'model', '.git'));
  for (const name of ['config.json', 'onnx/model.onnx', '.git/HEAD'])
    await writeFile(join(root, 'model', name), `{"name":"${name}"}`);
  await writeFile(
    join(root, 'bytes'),
    Uint8Array.from({ length: 100 }, (_, index) => index),
  );
  await symlink(join(root, 'bytes'), join(root, 'model', 'linked'));
});
after(() => rm(root, { recursive: true }));

test('openByteSource reads any range and refuses one past the end', async () => {
  const source = await openByteSource(join(root, 'bytes'));
  const target = new Uint8Array(3);
  await source.read(97, target);
  assert.deepEqual([...target], [97, 98, 99]);
  await source.read(100, new Uint8Array(0));
  await assert.rejects(source.read(98, target), RangeError);
  await assert.rejects(source.read(-1, target), RangeError);
  assert.equal(source.sizeBytes, 100);
  await source.close();
  await assert.rejects(source.read(0, target));
});

test('openByteSource says so when the file has become shorter', async () => {
  const path = join(root, 'shrinking');
  await writeFile(path, new Uint8Array(100));
  const source = await openByteSource(path);
  await truncate(path, 40);
  await assert.rejects(source.read(0, new Uint8Array(100)), {
    code: 'IO',
    message: /ends at byte 40; it had 100 bytes/,
  });
  await source.close();
});

test('openByteSource names a missing file, a folder and a path through a file', async () => {
  await assert.rejects(openByteSource(join(root, 'none')), {
    name: 'StorageError',
    code: 'NOT_FOUND',
    path: join(root, 'none'),
  });
  await assert.rejects(openByteSource(join(root, 'model')), { code: 'NOT_A_FILE', message: /is a folder, not a file/ });
  await assert.rejects(openByteSource(join(root, 'bytes', 'x')), { code: 'NOT_A_FOLDER' });
  await assert.rejects(openByteSource('/dev/null'), { code: 'NOT_A_FILE', message: /is not a regular file/ });
});

test('openFolder lists files with subfolders and links, without hidden folders', async () => {
  for (const uri of [join(root, 'model'), pathToFileURL(join(root, 'model')).href, `${join(root, 'model')}/`]) {
    const folder = await openFolder(uri);
    assert.deepEqual(await folder.list(), ['config.json', 'linked', 'onnx/model.onnx']);
    assert.equal(folder.name, join(root, 'model'));
  }
});

test('openFolder opens files by name and gives undefined for a missing one', async () => {
  const folder = await openFolder(join(root, 'model'));
  const source = await folder.open('onnx/model.onnx');
  assert.equal(source?.sizeBytes, 26);
  await source.close();
  assert.equal(await folder.open('none'), undefined);
  assert.equal(await folder.open('config.json/none'), undefined);
});

test('openFolder never opens a file outside of the folder', async () => {
  const folder = await openFolder(join(root, 'model'));
  for (const name of [
    '../bytes',
    '/etc/passwd',
    'onnx/../../bytes',
    'a\0b',
    '',
    '.',
    'onnx//model.onnx',
    'onnx\\model.onnx',
    'onnx/',
  ]) {
    await assert.rejects(folder.open(name), { code: 'INVALID_NAME' }, JSON.stringify(name));
  }
});

test('openFolder refuses what is not there, a file, other schemes and a hub that is not set up', async () => {
  await assert.rejects(openFolder(join(root, 'none')), { code: 'NOT_FOUND', message: /there is no such folder/ });
  await assert.rejects(openFolder(join(root, 'bytes')), { code: 'NOT_A_FOLDER' });
  await assert.rejects(openFolder('gs://bucket/model'), {
    code: 'UNSUPPORTED_SCHEME',
    message: /"gs:" is not supported; use a path/,
  });
  await assert.rejects(openFolder('ftp://host/model'), { code: 'UNSUPPORTED_SCHEME' });
  await assert.rejects(openFolder('hf:owner/name'), { code: 'UNSUPPORTED_SCHEME' });
  await assert.rejects(openFolder(''), { code: 'INVALID_URI' });
  await assert.rejects(openFolder('a\0b'), { code: 'INVALID_URI' });
  await assert.rejects(openFolder('file://host/model'), { code: 'INVALID_URI' });
});

test('parseLocation reads hub references with and without revision', () => {
  const hub = { kind: 'hub', repository: 'intfloat/multilingual-e5-small' };
  assert.deepEqual(parseLocation('hf:intfloat/multilingual-e5-small'), { ...hub, revision: 'main' });
  assert.deepEqual(parseLocation('hf:intfloat/multilingual-e5-small@refs/pr/1'), { ...hub, revision: 'refs/pr/1' });
  assert.deepEqual(parseLocation('hf:gpt2@v1.0'), { kind: 'hub', repository: 'gpt2', revision: 'v1.0' });
  assert.deepEqual(parseLocation('/data/a:b'), { kind: 'local', path: '/data/a:b' });
  for (const uri of ['hf:', 'hf:a/b/c', 'hf:../x', 'hf:a/b@../c', 'hf:a b'])
    assert.throws(() => parseLocation(uri), { code: 'INVALID_URI' }, uri);
});

test('readJson reads a small file and refuses one that is large, broken or not UTF-8', async () => {
  await writeFile(join(root, 'model', 'broken.json'), '{"a":');
  await writeFile(join(root, 'model', 'latin.json'), Uint8Array.of(0x22, 0xe9, 0x22));
  const folder = await openFolder(join(root, 'model'));
  assert.deepEqual(await readJson(folder, 'config.json', { maxBytes: 22 }), { name: 'config.json' });
  assert.equal(await readJson(folder, 'none.json', { maxBytes: 22 }), undefined);
  await assert.rejects(readJson(folder, 'config.json', { maxBytes: 21 }), {
    code: 'TOO_LARGE',
    message: /22 bytes are over the limit of 21/,
  });
  await assert.rejects(readJson(folder, 'broken.json', { maxBytes: 100 }), {
    code: 'INVALID_JSON',
    path: join(root, 'model', 'broken.json'),
  });
  await assert.rejects(readJson(folder, 'latin.json', { maxBytes: 100 }), { code: 'INVALID_JSON' });
});
