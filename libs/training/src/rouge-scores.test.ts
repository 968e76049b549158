import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { rougeScores, type RougeScores } from './rouge-scores.ts';

/** What rouge_score 0.1.2 gives (tools/oracles/src/training/rouge_scores.py). */
interface Case extends RougeScores {
  readonly target: string;
  readonly prediction: string;
}

const CASES = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../fixtures/rouge-scores.json'), 'utf8'),
) as Case[];

test(`rougeScores gives rouge_score's F1 of ${CASES.length} pairs of texts`, () => {
  assert.ok(CASES.length > 100 && CASES.some(({ rouge2 }) => rouge2 > 0 && rouge2 < 1));
  for (const { target, prediction, ...expected } of CASES) {
    const actual = rougeScores(target, prediction);
    // The same operations on the same doubles, but for the order of a product.
    for (const name of ['rouge1', 'rouge2', 'rougeL'] as const)
      assert.ok(
        Math.abs(actual[name] - expected[name]) <= 1e-15,
        `${name} of ${JSON.stringify([target, prediction])}: ${actual[name]}, rouge_score ${expected[name]}`,
      );
  }
});
