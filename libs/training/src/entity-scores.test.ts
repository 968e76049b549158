import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { entitiesOf, entityScores } from './entity-scores.ts';

/** What seqeval 1.2.2 gives (tools/oracles/src/training/entity_scores.py). */
interface Case {
  readonly name: string;
  readonly expected: string[][];
  readonly predicted: string[][];
  readonly entities: [type: string, first: number, last: number][];
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

const CASES = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../fixtures/entity-scores.json'), 'utf8'),
) as Case[];

test(`entitiesOf finds seqeval's entities, in ${CASES.length} predictions`, () => {
  for (const { predicted, entities } of CASES) {
    const expected = entities.map(([type, first, last]) => `${first} ${last} ${type}`);
    assert.deepEqual([...entitiesOf(predicted)].sort(), expected.sort(), JSON.stringify(predicted));
  }
});

test(`entityScores are seqeval's precision, recall and F1, in ${CASES.length} predictions`, () => {
  const f1s = new Set<number>();
  for (const { expected, predicted, precision, recall, f1 } of CASES) {
    const scores = entityScores(expected, predicted);
    // The same divisions, and a product that numpy takes in another order.
    assert.ok(Math.abs(scores.precision - precision) < 1e-15, `precision ${scores.precision}, seqeval ${precision}`);
    assert.ok(Math.abs(scores.recall - recall) < 1e-15, `recall ${scores.recall}, seqeval ${recall}`);
    assert.ok(Math.abs(scores.f1 - f1) < 1e-15, `F1 ${scores.f1}, seqeval ${f1}`);
    f1s.add(f1);
  }
  assert.ok(f1s.size > 40, 'the cases differ');
});
