import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { endProcess, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { runCommandLine } from '../src/command-line.ts';
import { Interrupt } from '../src/interrupt.ts';
import { MAIN } from './processes.ts';
import { runCli } from './run-cli.ts';

const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'pemmican-upload-run-')));
const at = (...parts: string[]): string => path.join(work, ...parts);
const root = at('server');
let server: ChildProcess;
let address = '';

before(async () => {
  mkdirSync(root);
  await makeTinyModel(at('model'));
  await makeTinyDataset(at('train.jsonl'), 32);
  await makeTinyDataset(at('validation.jsonl'), 16, 2);
  server = spawn(process.execPath, [MAIN, 'serve', 'all', '--listen', '127.0.0.1:0'], {
    env: { ...process.env, PEMMICAN_ARTIFACT_ROOTS: root, PEMMICAN_STATE_DIRECTORY: at('state') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  address = await new Promise<string>((resolve, reject) => {
    let said = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      said += String(chunk);
      const found = /listen on (127\.0\.0\.1:\d+)/.exec(said);
      if (found?.[1] !== undefined) resolve(found[1]);
    });
    server.once('exit', () => {
      reject(new Error(`The server ended: ${said}`));
    });
  });
  assert.deepEqual(readdirSync(at('state')).sort(), ['embedding-surgery', 'trainer', 'vocabulary-analysis']);
});
after(async () => {
  await endProcess(server, 'SIGTERM');
  rmSync(work, { recursive: true, force: true });
});

/** @param untilLine the command is interrupted when it has printed this */
async function run(
  folder: string,
  output: string,
  options: readonly string[] = [],
  untilLine?: string,
): Promise<{ readonly exitCode: number; readonly stderr: string }> {
  const interrupt = new Interrupt(() => undefined);
  let stderr = '';
  const write = (text: string): void => {
    stderr += text;
    if (untilLine !== undefined && text.includes(untilLine)) interrupt.trigger();
  };
  const argv = [
    'run', '--model', path.join(folder, 'model'), '--train-file', path.join(folder, 'train.jsonl'),
    '--validation-file', path.join(folder, 'validation.jsonl'), '--max-steps', '3', '--max-seq-length', '32', '--learning-rate', '1e-3',
    '--output', output, '--server', address, ...options,
  ]; // prettier-ignore
  const streams = { stdout: { write: () => undefined }, stderr: { write }, environment: {} };
  const exitCode = await runCommandLine(argv, streams, interrupt);
  return { exitCode, stderr };
}

test(
  'run --upload leaves here what a run leaves on shared storage, and nothing on the server',
  { timeout: 240_000 },
  async () => {
    const interrupted = await run(work, at('out'), ['--upload'], 'Reduce    done');
    assert.equal(interrupted.exitCode, 130, interrupted.stderr);
    // Another run of the same files neither works in the first one's place nor takes it away with its end.
    const places = (): string[] => readdirSync(path.join(root, 'pemmican-uploads'));
    const [first] = places();
    assert.equal((await run(work, at('other'), ['--upload'], 'Reduce    done')).exitCode, 130);
    assert.equal(places().length, 2);
    const uploaded = await run(work, at('out'), ['--upload', '--resume-from-checkpoint', 'latest']);
    assert.equal(uploaded.exitCode, 0, uploaded.stderr);
    assert.match(uploaded.stderr, /of it earlier[^]*reduce: done before the interruption/);
    assert.equal(places().length, 1, 'what was uploaded is gone, and the other run keeps its own');
    assert.ok(!places().includes(first ?? ''));
    assert.ok(!existsSync(at('out/.pemmican')));

    for (const name of ['model', 'train.jsonl', 'validation.jsonl'])
      cpSync(at(name), path.join(root, name), { recursive: true });
    const shared = await run(root, path.join(root, 'out'));
    assert.equal(shared.exitCode, 0, shared.stderr);
    assert.deepEqual(readdirSync(at('out')).sort(), readdirSync(path.join(root, 'out')).sort());
    const bytes = (folder: string, name: string): Buffer => readFileSync(path.join(folder, 'out', name));
    for (const name of ['model.safetensors', 'config.json', 'vocabulary.json'])
      assert.ok(bytes(work, name).equals(bytes(root, name)), name);
    const losses = (folder: string): unknown[] =>
    bytes(folder, 'metrics.jsonl').toString().trim().split('\n').map((line) => (JSON.parse(line) as { loss: number }).loss); // prettier-ignore
    assert.deepEqual(losses(work), losses(root));
    assert.equal(losses(work).length, 3);
  },
);

test('run --upload refuses what it cannot bring back', async () => {
  const refused = async (pattern: RegExp, ...options: string[]): Promise<void> => {
    const result = await run(work, at('refused'), ['--upload', ...options]);
    assert.equal(result.exitCode, 2, result.stderr);
    assert.match(result.stderr, pattern);
  };
  await refused(/add --lora-merge/, '--lora-rank', '2');
  await refused(/--resume-from-checkpoint latest/, '--resume-from-checkpoint', '/checkpoint-1');
  const alone = await runCli(['run', '--model', at('model'), '--train-file', at('train.jsonl'), '--output', at('refused'), '--upload']); // prettier-ignore
  assert.match(alone.stderr, /--upload sends files to a server; add --server/);
});
