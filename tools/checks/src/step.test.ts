import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTests } from './step.ts';

test('countTests adds up the closing lines of node:test and Deno', () => {
  const output =
    'ℹ tests 3\nℹ pass 2\nℹ fail 1\nℹ skipped 0\n# pass 5\n# fail 0\nok | 7 passed (2 steps) | 1 failed (3s)\n';
  assert.deepEqual(countTests(output), { passed: 14, failed: 2, skipped: 0 });
});
