import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTests, failedTests } from './step.ts';

test('countTests adds up the closing lines of node:test and Deno', () => {
  const output =
    'ℹ tests 3\nℹ pass 2\nℹ fail 1\nℹ skipped 0\n# pass 5\n# fail 0\nok | 7 passed (2 steps) | 1 failed (3s)\n';
  assert.deepEqual(countTests(output), { passed: 14, failed: 2, skipped: 0 });
});

test('failedTests names each failed test of node:test and Deno once, in colour or not', () => {
  const output = [
    '\u001b[31m✖ a run ends \u001b[90m(12.5ms)\u001b[39m\u001b[39m',
    '✔ a run begins (3ms)',
    '  ✖ bert (LoRA) (1ms)',
    '✖ failing tests:',
    '✖ a run ends (12.5ms)',
    'cuts words => ./libs/tokenizer/test/cuts.test.ts:9:6',
    '',
  ].join('\n');
  assert.deepEqual(failedTests(output), ['a run ends', 'bert (LoRA)', 'cuts words']);
});
