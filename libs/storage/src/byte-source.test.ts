import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openByteSource } from './byte-source.ts';

test('openByteSource refuses named pipes that nobody writes to, and does not hang on them', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-bytes-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  // More than Node's pool has threads: each that waited would hold one.
  await Promise.all(Array.from({ length: 8 }, () => assert.rejects(openByteSource(pipe), { code: 'NOT_A_FILE' })));
  for (const device of ['/dev/null', '/dev/zero']) await assert.rejects(openByteSource(device), { code: 'NOT_A_FILE' });
  const file = path.join(folder, 'file');
  writeFileSync(file, 'abc');
  const source = await openByteSource(file);
  const bytes = new Uint8Array(2);
  await source.read(1, bytes);
  assert.equal(Buffer.from(bytes).toString(), 'bc');
  await source.close();
});
