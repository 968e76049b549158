// The command with the real services, on a real small model: slow, and the only test that nothing is made up in.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';

import { ensureAsset } from '@pemmican/setup';

import type { Report } from '../src/report/report.ts';
import { digestOfTokenIds } from '../src/stages/kept-token-ids.ts';
import { ask, MAIN } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';
import { sentenceLines } from './sentences.ts';

const TIMEOUT_MS = 1_200_000;

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Resolves when stderr or stdout has said this. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
}

function start(argv: readonly string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    for (const listener of listeners) listener();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const listener of listeners) listener();
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stderr + stdout);
        if (match !== null) resolve(match);
      };
      listeners.add(look);
      look();
      void ended.then(() => {
        reject(new Error(`It ended without saying ${String(pattern)}:\n${stderr}`));
      });
    });
  return { child, ended, said };
}

/** A metric file's losses, once for each step. */
function losses(output: string): [number, number][] {
  const lines = readFileSync(path.join(output, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const { step, loss } = JSON.parse(line) as { step: number; loss: number };
    return [step, loss];
  });
}

async function waitFor(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The process id of a child of a process, by a part of its command line. */
function childRunning(parentId: number, part: string): number {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
      if (parent === parentId && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(part)) return Number(name);
    } catch {
      // It has ended in the meantime.
    }
  }
  throw new Error(`Process ${parentId} has no child ${part}`);
}

describe('the main job with the real services', { timeout: TIMEOUT_MS }, () => {
  let model = '';
  let data = '';
  let reference: { readonly folder: TemporaryFolder; readonly report: Report };

  const runArguments = (output: string): string[] => [
    'run',
    ...['--model', model],
    ...['--train-file', path.join(data, 'train.jsonl')],
    ...['--validation-file', path.join(data, 'dev.jsonl')],
    ...['--output', output],
    ...['--max-steps', '12', '--save-steps', '2', '--per-device-train-batch-size', '4'],
  ];

  before(
    async () => {
      model = await ensureAsset('splade-tiny');
      const lines = await sentenceLines();
      const folder = new TemporaryFolder();
      data = folder.path;
      writeFileSync(folder.join('train.jsonl'), lines.slice(0, 48).join(''));
      writeFileSync(folder.join('dev.jsonl'), lines.slice(48, 64).join(''));
      const run = await start([...runArguments(folder.join('out')), '--json']).ended;
      assert.equal(run.code, 0, run.stderr);
      reference = { folder, report: JSON.parse(run.stdout) as Report };
    },
    { timeout: TIMEOUT_MS },
  );

  test('run leaves a Hugging Face folder, metrics of every step, and a report that holds together', () => {
    const output = reference.folder.join('out');
    const names = readdirSync(output);
    for (const name of ['model.safetensors', 'config.json', 'tokenizer.json', 'vocabulary.json', 'report.html']) {
      assert.ok(names.includes(name), name);
    }
    assert.ok(!names.includes('.pemmican'));
    assert.deepEqual(
      losses(output).map(([step]) => step),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    );
    const { report } = reference;
    const config = JSON.parse(readFileSync(path.join(output, 'config.json'), 'utf8')) as { vocab_size: number };
    assert.equal(config.vocab_size, 30_522);
    assert.equal(report.vocabulary?.fullVocabSize, 30_522);
    assert.equal(report.vocabulary.reducedVocabSize % 8, 0);
    assert.equal(report.vocabulary.keptTokenIds.length, report.training.vocabRows);
    assert.equal(digestOfTokenIds(report.vocabulary.keptTokenIds), report.vocabulary.keptTokenIdsDigest);
    assert.ok((report.verification?.maxAbsoluteDifference ?? 1) <= 1e-4);
    assert.equal(report.measured.source, 'HOST');
    assert.ok(report.measured.processPeakBytes > 0);
  });

  test('transformers opens what run left and gets the logits that predict prints', async () => {
    const [output, file] = [reference.folder.join('out'), path.join(data, 'dev.jsonl')];
    const predict = await start(['predict', '--model', output, '--file', file, '--json']).ended;
    assert.equal(predict.code, 0, predict.stderr);
    const { logits } = JSON.parse(predict.stdout) as { logits: number[][] };
    const theirs = ask<Record<'missing' | 'logits', number[][]>>('transformers_logits.py', output, file);
    assert.deepEqual(theirs.missing, []);
    assert.equal(theirs.logits.length, logits.length);
    // float32 in two programs: 1e-4 is what the same model may differ by.
    for (const [row, values] of logits.entries())
      for (const [column, value] of values.entries())
        assert.ok(Math.abs(value - theirs.logits[row]![column]!) < 1e-4, `record ${row}: ${value}`);
    // A model that learned nothing would answer the same to everything.
    assert.ok(Math.max(...logits.map((row) => row[0]!)) - Math.min(...logits.map((row) => row[0]!)) > 1e-3);
  });

  test('run gives the same losses and weights after Ctrl-C and going on as without an interruption', async () => {
    using folder = new TemporaryFolder();
    const argv = runArguments(folder.join('out'));
    const first = start(argv);
    await waitFor(
      () => existsSync(folder.join('out/.pemmican/training/checkpoint-2')) || first.child.exitCode !== null,
    );
    first.child.kill('SIGINT');
    const interrupted = await first.ended;
    assert.equal(interrupted.code, 130, interrupted.stderr);
    assert.match(interrupted.stderr, /pemmican run .*--resume-from-checkpoint latest/);
    const resumed = await start([...argv, '--resume-from-checkpoint', 'latest']).ended;
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(losses(folder.join('out')), losses(reference.folder.join('out')));
    assert.ok(
      readFileSync(folder.join('out/model.safetensors')).equals(
        readFileSync(reference.folder.join('out/model.safetensors')),
      ),
    );
  });

  test('run goes on after a SIGKILL of the command', async () => {
    using folder = new TemporaryFolder();
    const argv = runArguments(folder.join('out'));
    const first = start(argv);
    await waitFor(
      () => existsSync(folder.join('out/.pemmican/training/checkpoint-2')) || first.child.exitCode !== null,
    );
    first.child.kill('SIGKILL');
    await first.ended;
    assert.ok(!existsSync(folder.join('out/model.safetensors')), 'a killed run must leave no model');
    const resumed = await start([...argv, '--resume-from-checkpoint', 'latest']).ended;
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(losses(folder.join('out')), losses(reference.folder.join('out')));
  });

  test('run starts a service that was killed again, attaches to its run and ends as if nothing had happened', async () => {
    using folder = new TemporaryFolder();
    const run = start(runArguments(folder.join('out')));
    await waitFor(() => existsSync(folder.join('out/.pemmican/training/checkpoint-2')) || run.child.exitCode !== null);
    process.kill(childRunning(run.child.pid ?? 0, 'services/trainer/src/main.ts'), 'SIGKILL');
    const done = await run.ended;
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /warning: trainer ended \(SIGKILL\); started again/);
    assert.deepEqual(losses(folder.join('out')), losses(reference.folder.join('out')));
  });

  test('serve all answers run, predict and a bad model as the embedded services do', async () => {
    using folder = new TemporaryFolder();
    const server = start(['serve', 'all', '--listen', '127.0.0.1:0', '--state-directory', folder.join('state')]);
    try {
      const [, address = ''] = await server.said(/listen on (\S+)/);
      const run = await start([...runArguments(folder.join('out')), '--server', address, '--json']).ended;
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(losses(folder.join('out')), losses(reference.folder.join('out')));
      const file = path.join(data, 'dev.jsonl');
      const predict = ['predict', '--model', folder.join('out'), '--file', file, '--json'];
      const remote = await start([...predict, '--server', address]).ended;
      const embedded = await start(predict).ended;
      assert.equal(remote.code, 0, remote.stderr);
      assert.equal((JSON.parse(remote.stdout) as { logits: unknown[] }).logits.length, 16);
      assert.equal(remote.stdout, embedded.stdout);
      const missing = await start(['predict', '--model', folder.join('none'), '--file', file, '--server', address])
        .ended;
      assert.equal(missing.code, 2, missing.stderr);
    } finally {
      server.child.kill('SIGTERM');
    }
    assert.equal((await server.ended).code, 0);
  });
});
