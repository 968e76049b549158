import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from './run-command.ts';

const MAX_WAIT_MS = 20_000;

/** Commands of processes whose environment has the mark. */
function commandsWith(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        if (!readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(mark)) return [];
        return [readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

async function untilCommands(mark: string, isIt: (commands: readonly string[]) => boolean): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const commands = commandsWith(mark);
    if (isIt(commands)) return;
    assert.ok(performance.now() < deadline, JSON.stringify(commands));
    await delay(50);
  }
}

test(
  'runCommand ends what takes too long, and does not wait for what that has started',
  { timeout: 20_000 },
  async () => {
    // The inner one has the outer one's output, and lives on.
    const { code, output, stderr } = await runCommand('sh', ['-c', 'echo begun; sleep 30 & wait'], { timeoutMs: 500 });
    assert.equal(code, 128);
    assert.equal(output, 'begun\nended after 0.5 s\n');
    assert.equal(stderr, 'ended after 0.5 s\n');
    // A timer that went on would keep this file from ending.
    assert.equal((await runCommand('/nowhere/program', [], { timeoutMs: 300_000 })).code, 127);
  },
);

test('runCommand gives the same of a command that is to end with us', async () => {
  const options = { isEndedWithUs: true, environment: { WORD: 'a b' } };
  const script = 'echo "$WORD $1"; echo "$2" >&2; exit 3';
  const { code, stdout, stderr } = await runCommand('sh', ['-c', script, 'sh', 'c  d', "it's"], options);
  assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'a b c  d\n', stderr: "it's\n" });
  assert.equal((await runCommand('/nowhere/program', [], options)).code, 127);
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  test(`a command that is to end with us ends, with all that it started, on our ${signal}`, async () => {
    const mark = `PEMMICAN_TEST_OF=${process.pid} ${signal}`;
    const module = JSON.stringify(path.join(import.meta.dirname, 'run-command.ts'));
    const script =
      `import { runCommand } from ${module};` +
      `await runCommand('sh', ['-c', 'sleep 300 & sleep 301'], { isEndedWithUs: true });`;
    const [name = '', value] = mark.split('=');
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: 'ignore',
      env: { ...process.env, [name]: value },
    });
    const exited = once(parent, 'exit');
    await untilCommands(mark, (commands) => commands.includes('sleep 300') && commands.includes('sleep 301'));
    parent.kill(signal);
    await exited;
    await untilCommands(mark, (commands) => commands.length === 0);
  });
