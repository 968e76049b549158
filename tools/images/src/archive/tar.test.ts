import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { writeTar, type TarEntry } from './tar.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-tar-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const LONG = `folder/${'long-name-'.repeat(12)}/${'é'.repeat(60)}.txt`;

test("GNU tar reads an archive: content, modes, owners, links, times, and names past a header's 100 bytes", async (t) => {
  const folder = temporaryFolder(t);
  const large = path.join(folder, 'large');
  writeFileSync(large, Buffer.alloc(3_000_001, 7));
  const entries: TarEntry[] = [
    { type: 'file', path: LONG, content: Buffer.from('long') },
    { type: 'file', path: 'folder/program', mode: 0o755, content: Buffer.alloc(0) },
    { type: 'file', path: 'folder/large', source: large, sizeBytes: 3_000_001 },
    { type: 'link', path: 'folder/link', target: `../${'x'.repeat(120)}` },
    { type: 'folder', path: 'data', mode: 0o750, userId: 10001, groupId: 10001 },
  ];
  const archive = path.join(folder, 'archive.tar');
  await writeTar(archive, entries);
  const list = execFileSync('tar', ['--numeric-owner', '--utc', '-tvf', archive], { encoding: 'utf8' });
  const lines = list
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));
  assert.equal(lines[0], 'drwxr-x--- 10001/10001 0 1970-01-01 00:00 data/');
  assert.equal(lines[1], '-rw-r--r-- 0/0 3000001 1970-01-01 00:00 folder/large');
  assert.equal(
    lines.find((line) => line.endsWith('program')),
    '-rwxr-xr-x 0/0 0 1970-01-01 00:00 folder/program',
  );
  assert.equal(lines.length, entries.length);
  execFileSync('tar', ['-xf', archive, '-C', folder, '--no-same-owner']);
  assert.equal(readFileSync(path.join(folder, LONG), 'utf8'), 'long');
  assert.ok(readFileSync(path.join(folder, 'folder/large')).equals(readFileSync(large)));
  assert.equal(readlinkSync(path.join(folder, 'folder/link')), `../${'x'.repeat(120)}`);
  assert.equal(statSync(path.join(folder, 'folder/program')).mode & 0o777, 0o755);
});

test('the same entries in another order give the same bytes; an entry twice or a file that has shrunk is an error', async (t) => {
  const entries: TarEntry[] = ['b', 'a', 'a/b', 'A'].map((name) => ({
    type: 'file',
    path: name,
    content: Buffer.from(name),
  }));
  const folder = temporaryFolder(t);
  const bytes = async (of: readonly TarEntry[]): Promise<Buffer> => {
    const archive = path.join(folder, 'archive.tar');
    await writeTar(archive, of);
    return readFileSync(archive);
  };
  assert.ok((await bytes(entries)).equals(await bytes(entries.toReversed())));
  await assert.rejects(bytes([...entries, ...entries.slice(0, 1)]), /b would be in the archive twice/);
  const file = path.join(folder, 'file');
  writeFileSync(file, 'four');
  await assert.rejects(
    bytes([{ type: 'file', path: 'x', source: file, sizeBytes: 5 }]),
    /has 4 bytes, 5 were announced/,
  );
  await assert.rejects(
    bytes([{ type: 'file', path: 'x', source: file, sizeBytes: 3 }]),
    /has 4 bytes, 3 were announced/,
  );
  await assert.rejects(
    bytes([{ type: 'file', path: 'x', source: path.join(folder, 'none'), sizeBytes: 3 }]),
    /ENOENT.*none/,
  );
});
