import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lockRunFolder } from './run-lock.ts';

test('lockRunFolder waits for the process that holds a folder, and in the end refuses with RUN_FOLDER_IN_USE', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-lock-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const lock = path.join(folder, '.pemmican-run.lock');
  writeFileSync(lock, `${process.ppid}\n`);
  await assert.rejects(lockRunFolder(folder, 300), (error) => {
    assert.equal((error as { reason?: string }).reason, 'RUN_FOLDER_IN_USE');
    assert.match(String(error), new RegExp(`process ${process.ppid} is training`));
    return true;
  });
  const later = lockRunFolder(folder, 10_000);
  await delay(200);
  rmSync(lock);
  await (
    await later
  )();
  // Of a process that is gone: no process has this number.
  writeFileSync(lock, '4194305\n');
  await (
    await lockRunFolder(folder, 300)
  )();
});
