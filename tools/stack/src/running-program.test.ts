import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { RunningProgram, type ProgramPlan } from './running-program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-program-'));
after(() => {
  rmSync(folder, { recursive: true });
});

let count = 0;
function node(script: string, plan: Partial<ProgramPlan> = {}): RunningProgram {
  return new RunningProgram({
    name: 'helper',
    command: process.execPath,
    args: ['--eval', script],
    logFile: path.join(folder, `${++count}.log`),
    askReady: async () => undefined,
    stopTimeoutMs: 10_000,
    ...plan,
  });
}

/** Ready when the program has written the word. */
function whenWritten(word: string): Pick<ProgramPlan, 'askReady' | 'logFile'> {
  const logFile = path.join(folder, `${++count}.log`);
  return {
    logFile,
    askReady: async () => {
      if (!readFileSync(logFile, 'utf8').includes(word)) throw new Error('not yet');
    },
  };
}

const never = (): Promise<void> => Promise.reject(new Error('not yet'));
const { signal } = new AbortController();

test('ready tells of a program that ends before, with its exit code and the end of its log', async () => {
  const program = node('for (let i = 0; i < 20; i++) console.log("line " + i); console.error("no room"); process.exit(3)', { askReady: never }); // prettier-ignore
  await assert.rejects(program.ready(signal), (error: Error) => {
    assert.match(error.message, /^helper ended with exit code 3; \S+\.log ends with:\n/);
    const lines = error.message.split('\n').slice(1);
    assert.deepEqual([lines.length, lines[0], lines.at(-1)], [12, '  line 9', '  no room']);
    return true;
  });
});

test('ready tells of a program that cannot be started', async () => {
  const program = node('', { command: path.join(folder, 'nowhere'), askReady: never });
  await assert.rejects(program.ready(signal), {
    code: 'ENDED',
    message:
      /^helper ended with exit code 127; \S+ ends with:\n {2}setpriv: failed to execute \S+nowhere: No such file/,
  });
  await program.stop();
});

test('ended tells of a program that a signal ends later, and says nothing of one that is stopped', async () => {
  const script = 'console.log("up"); setInterval(() => {}, 1000)';
  const [killed, stopped] = [node(script, whenWritten('up')), node(script, whenWritten('up'))];
  await Promise.all([killed.ready(signal), stopped.ready(signal)]);
  const endings: unknown[] = [];
  void stopped.ended().then((error) => endings.push(error));
  const ended = killed.ended();
  process.kill(killed.processId ?? 0, 'SIGKILL');
  assert.match((await ended).message, /^helper ended by SIGKILL; \S+ ends with:\n {2}up$/);
  await stopped.stop();
  await killed.stop();
  assert.deepEqual(endings, []);
});

test('stop asks, and kills a program that does not listen', async () => {
  const polite = node('process.on("SIGTERM", () => { console.log("bye"); process.exit(0); }); console.log("up"); setInterval(() => {}, 1000)', whenWritten('up')); // prettier-ignore
  const deaf = node('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)', {
    ...whenWritten('up'),
    stopTimeoutMs: 200,
  });
  await Promise.all([polite.ready(signal), deaf.ready(signal)]);
  await Promise.all([polite.stop(), deaf.stop()]);
  for (const { processId } of [polite, deaf]) assert.throws(() => process.kill(processId ?? 0, 0), { code: 'ESRCH' });
});
