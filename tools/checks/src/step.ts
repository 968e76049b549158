import { spawn } from 'node:child_process';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Root of the repository. */
export const REPOSITORY_ROOT: string = path.resolve(import.meta.dirname, '../../..');

/** One part of the whole check: a name that a person reads and the command that decides. */
export interface Step {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a step went, with the tests that it ran. */
export interface StepOutcome {
  readonly name: string;
  readonly isPassed: boolean;
  readonly elapsedMs: number;
  readonly passedTestCount: number;
  readonly failedTestCount: number;
  readonly skippedTestCount: number;
  readonly failedTestNames: readonly string[];
}

// node:test's spec reporter ends with "ℹ pass N", its TAP with "# pass N", Deno with "ok | N passed | N failed".
const NODE_COUNT = /(?:ℹ|#) (pass|fail|skipped) (\d+)/g;
const DENO_COUNT = /\| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/g;

/** Adds up the closing lines of every test runner in a step's output. */
export function countTests(output: string): { passed: number; failed: number; skipped: number } {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [, kind, count] of output.matchAll(NODE_COUNT)) {
    if (kind === 'pass') total.passed += Number(count);
    else if (kind === 'fail') total.failed += Number(count);
    else total.skipped += Number(count);
  }
  for (const [, passed, failed] of output.matchAll(DENO_COUNT)) {
    total.passed += Number(passed);
    total.failed += Number(failed);
  }
  return total;
}

const NODE_FAILURE = /^\s*✖ (.+) \(\d[\d.]*ms\)/gm;
const DENO_FAILURE = /^(.+) => \.\/\S+:\d+:\d+$/gm;

/** The names of the tests that failed, each once: a log is long, and its end is what a person sees first. */
export function failedTests(output: string): string[] {
  const plain = stripVTControlCharacters(output);
  const names = [NODE_FAILURE, DENO_FAILURE].flatMap((pattern) =>
    [...plain.matchAll(pattern)].map(([, name]) => name?.trim() ?? ''),
  );
  return [...new Set(names)];
}

/** Runs a step with its output passed through, and says how it went. */
export async function runStep(step: Step): Promise<StepOutcome> {
  const startMs = performance.now();
  process.stdout.write(`\n── ${step.name}\n`);
  const child = spawn(step.command, step.arguments, {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...step.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
      process.stdout.write(text);
    });
  }
  const isPassed = await new Promise<boolean>((resolve) => {
    child.on('error', (error) => {
      process.stdout.write(`Cannot start ${step.command}: ${error.message}\n`);
      resolve(false);
    });
    child.on('close', (code) => {
      resolve(code === 0);
    });
  });
  const { passed, failed, skipped } = countTests(output);
  const elapsedMs = performance.now() - startMs;
  process.stdout.write(`${isPassed ? '✔' : '✖'} ${step.name} (${(elapsedMs / 1000).toFixed(1)} s)\n`);
  return {
    name: step.name,
    isPassed,
    elapsedMs,
    passedTestCount: passed,
    failedTestCount: failed,
    skippedTestCount: skipped,
    failedTestNames: failedTests(output),
  };
}
