import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { withLock } from '../lock.mjs';

let root = '';
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-lock-'));
});
after(() => rm(root, { recursive: true }));

const LOCK_MODULE = JSON.stringify(path.resolve(import.meta.dirname, '../lock.mjs'));

function holder(folder: string, body: string): ChildProcessByStdio<null, Readable, null> {
  const script = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from ${LOCK_MODULE};
    await withLock(${JSON.stringify(folder)}, () => {}, async () => { ${body} });`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('withLock lets one process at a time in', async () => {
  const log = path.join(root, 'log');
  const body = `appendFileSync(${JSON.stringify(log)}, 'in '); await sleep(30); appendFileSync(${JSON.stringify(log)}, 'out ');`;
  const children = Array.from({ length: 6 }, () => holder(root, body));
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
  assert.deepEqual(codes, [0, 0, 0, 0, 0, 0]);
  assert.equal(await readFile(log, 'utf8'), 'in out '.repeat(6));
});

test('withLock goes on when the process that had the lock is killed, and says whom it waited for', async () => {
  const folder = path.join(root, 'killed');
  const child = holder(folder, `process.stdout.write('locked'); await sleep(60_000);`);
  await once(child.stdout, 'data');
  const lines: string[] = [];
  const waiting = withLock(
    folder,
    (line) => lines.push(line),
    async () => 'in',
  );
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(lines, [`waiting for another set-up of this folder (process ${child.pid})`]);
  child.kill('SIGKILL');
  assert.equal(await waiting, 'in');
});

test('withLock gives the lock back when the action fails, and has one lock a folder', async () => {
  const fail = (): Promise<never> => Promise.reject(new Error('failed inside'));
  await assert.rejects(
    withLock(root, () => undefined, fail),
    /failed inside/,
  );
  const nested = await withLock(root, assert.fail, () =>
    withLock(path.join(root, 'other'), assert.fail, async () => 1),
  );
  assert.equal(nested, 1);
  await appendFile(path.join(root, 'log'), '');
});
