import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { engineEnvironment, type EngineEnvironmentOptions } from '@pemmican/engine';

function runChild<Result>(part: string, options: EngineEnvironmentOptions = {}): Result {
  const output = execFileSync(process.execPath, ['--expose-gc', path.join(import.meta.dirname, 'child.ts'), part], {
    env: { ...process.env, ...engineEnvironment(options) },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Result;
}

interface BudgetOutcome {
  readonly before: number;
  readonly code: string;
  readonly message?: string;
  readonly after?: number;
}

test('a step over the memory budget is an OUT_OF_MEMORY error, and the next step works', () => {
  const outcome = runChild<BudgetOutcome>('budget', { memoryBudgetBytes: 256 * 2 ** 20 });
  assert.equal(outcome.code, 'OUT_OF_MEMORY', outcome.message);
  assert.match(outcome.message ?? '', /OOM when allocating tensor with shape\[16384,16384\]/);
  assert.deepEqual([outcome.before, outcome.after], [1024 * 1024, 1024 * 1024]);
});

test('the same step passes without a budget', () => {
  const outcome = runChild<BudgetOutcome>('budget');
  assert.equal(outcome.code, 'none');
});

interface StepsOutcome {
  readonly digest: string;
  readonly losses: readonly number[];
}

test('training repeated in another process gives the same bits, on two threads', () => {
  const [first, ...others] = Array.from({ length: 4 }, () =>
    runChild<StepsOutcome>('steps', { intraOpThreadCount: 2 }),
  );
  for (const other of others) assert.equal(other.digest, first?.digest);
  // A run that learns nothing would be as repeatable.
  assert.ok(first !== undefined && first.losses.at(-1)! < 0.9 * first.losses[0]!, String(first?.losses));
});

test('a variable is written and read by blocks of rows, and no block is kept', () => {
  const outcome = runChild<{ variableBytes: number; grownBytes: number; wrongRowCount: number }>('port');
  assert.equal(outcome.wrongRowCount, 0);
  // The first scatter copies the staging variable and the end copies it once more; blocks that were kept (twice the
  // variable, in and out) or a fetch of the whole would go over this.
  assert.ok(outcome.grownBytes < 2.7 * outcome.variableBytes, `grew by ${outcome.grownBytes} bytes`);
});
