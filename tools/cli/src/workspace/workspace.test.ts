import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

import { lockFile } from './lock-file.ts';
import { Workspace } from './workspace.ts';

const work = mkdtempSync(path.join(tmpdir(), 'pemmican-workspace-'));
after(() => {
  rmSync(work, { recursive: true });
});

const open = (output: string): Promise<Workspace> => Workspace.open({ output, isResuming: false, overwrite: false });

test('a run that has made nothing leaves no folder, so that the corrected one may begin', async () => {
  const output = path.join(work, 'refused');
  for (let attempt = 0; attempt < 2; attempt++) {
    await using _workspace = await open(output);
    assert.ok(existsSync(path.join(output, '.pemmican')));
  }
  assert.equal(existsSync(output), false);
  const mine = path.join(work, 'mine');
  mkdirSync(mine);
  {
    await using _workspace = await open(mine);
  }
  assert.deepEqual(readdirSync(mine), [], 'a folder of the user stays, without ours');
});

test('work that was begun stays, and is refused to another run', async () => {
  const output = path.join(work, 'begun');
  {
    await using workspace = await open(output);
    await workspace.journal.record('analyze', { digest: 'sha256:0', result: null, elapsedMs: 1 });
  }
  assert.deepEqual(readdirSync(path.join(output, '.pemmican')), ['journal.json']);
  await assert.rejects(open(output), /begun holds the work of an interrupted run/);
});

test('a lock is refused while its process lives, and taken over from one that is gone', async () => {
  const file = path.join(work, 'lock');
  writeFileSync(file, '1\n');
  await assert.rejects(lockFile(file, '/models/out'), {
    message: '/models/out: another pemmican (process 1) is at work in this folder',
  });
  // Above Linux' highest process id.
  writeFileSync(file, '4194305\n');
  await lockFile(file, '/models/out');
});

test('of processes that want one lock at the same time, beside one that is gone, one has it', async () => {
  const PROCESS_COUNT = 4;
  const [module, file] = [path.join(import.meta.dirname, 'lock-file.ts'), path.join(work, 'wanted')];
  for (let round = 0; round < 3; round++) {
    writeFileSync(file, '4194305\n');
    const done = path.join(work, `done-${round}`);
    // Who has it keeps it until all others were refused.
    const script = `import { existsSync } from 'node:fs';
      import { setTimeout } from 'node:timers/promises';
      import { lockFile } from ${JSON.stringify(module)};
      try {
        await lockFile(${JSON.stringify(file)}, 'out');
        console.log('locked');
        for (let wait = 0; wait < 600 && !existsSync(${JSON.stringify(done)}); wait++) await setTimeout(50);
      } catch (error) {
        console.log(error.reason);
      }`;
    let refusedCount = 0;
    const run = async (): Promise<string> => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
      if (stdout.trim() !== 'locked' && ++refusedCount === PROCESS_COUNT - 1) writeFileSync(done, '');
      return stdout.trim();
    };
    const outputs = await Promise.all(Array.from({ length: PROCESS_COUNT }, run));
    assert.deepEqual(outputs.sort(), ['OUTPUT_IN_USE', 'OUTPUT_IN_USE', 'OUTPUT_IN_USE', 'locked']);
  }
});

test('a lock that another has taken over is not given back', async () => {
  const file = path.join(work, 'taken-over');
  const unlock = await lockFile(file, 'out');
  writeFileSync(file, '1\n');
  await unlock();
  assert.equal(existsSync(file), true);
});
