/**
 * Type-checks the format and core libraries under Deno and runs their tests there, except those that need the engine
 * or Node itself (`*.engine.test.ts`, `*.node.test.ts`).
 * @module
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { REPOSITORY_ROOT } from './step.ts';

const LIBRARIES = [
  'safetensors',
  'tokenizer',
  'dataset',
  'sequences',
  'vocabulary',
  'embedding',
  'graph',
  'models',
  'training',
];

function deno(...parameters: string[]): void {
  const { status, error } = spawnSync('deno', parameters, { cwd: REPOSITORY_ROOT, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const entries = LIBRARIES.map((name) => `libs/${name}/src/mod.ts`);
const tests = LIBRARIES.flatMap((name) =>
  globSync(`libs/${name}/{src,test}/**/*.test.ts`, { cwd: REPOSITORY_ROOT }),
).filter((file) => !/\.(engine|node)\.test\.ts$/.test(file));
deno('check', ...entries);
deno(
  'test',
  '--parallel',
  '--no-check',
  '--allow-read',
  '--allow-env',
  '--allow-write',
  '--allow-sys',
  ...tests.sort(),
);
