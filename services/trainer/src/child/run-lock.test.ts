import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lockRunFolder } from './run-lock.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-lock-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const isInUse = (error: unknown): boolean => (error as { reason?: string }).reason === 'RUN_FOLDER_IN_USE';

test('lockRunFolder waits for who holds a folder, and in the end refuses with RUN_FOLDER_IN_USE', async (t) => {
  const folder = temporaryFolder(t);
  const release = await lockRunFolder(folder);
  await assert.rejects(lockRunFolder(folder, 300), isInUse);
  const later = [lockRunFolder(folder, 10_000), lockRunFolder(folder, 10_000)];
  await delay(200);
  await release();
  const first = await Promise.race(later.map(async (lock, index) => ({ index, release: await lock })));
  await assert.rejects(lockRunFolder(folder, 300), isInUse, 'one of the two has it, though the file was removed');
  await first.release();
  await (
    await later[1 - first.index]!
  )();
  assert.deepEqual(readdirSync(folder), []);
});

test('lockRunFolder takes the folder of a process that was killed, at once and whatever id this process has', async (t) => {
  const folder = temporaryFolder(t);
  const script = `
    const { lockRunFolder } = await import(${JSON.stringify(path.join(import.meta.dirname, 'run-lock.ts'))});
    await lockRunFolder(${JSON.stringify(folder)});
    console.log('held');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await assert.rejects(lockRunFolder(folder, 300), isInUse);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await (
    await lockRunFolder(folder, 300)
  )();
});
