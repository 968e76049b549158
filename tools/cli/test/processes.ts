import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { oraclePython } from '@pemmican/testkit';

export const MAIN = path.resolve(import.meta.dirname, '../src/main.ts');

/** Runs the command in a process of its own, which has to succeed; returns what it printed. */
export function pemmican(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Runs the command in a process of its own, whatever comes of it. */
export function tryPemmican(...argv: string[]): { readonly status: number | null; readonly stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8' });
}

/** Runs a script of this folder in the oracles' Python; returns what it printed. */
export function python(script: string, ...argv: string[]): string {
  return execFileSync(oraclePython(), [path.join(import.meta.dirname, script), ...argv], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
  });
}

/** The JSON on the last line that a script prints. */
export function ask<Answer>(script: string, ...argv: string[]): Answer {
  return JSON.parse(
    python(script, ...argv)
      .trim()
      .split('\n')
      .at(-1) ?? '',
  ) as Answer;
}
