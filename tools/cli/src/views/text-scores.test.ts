import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TextScores } from './text-scores.ts';

test('TextScores tells means of the records with a target, and how many texts were cut off', () => {
  const scores = new TextScores();
  assert.deepEqual([scores.lines(), scores.document()], [[], {}]);
  scores.add({ text: 'a', tokenCount: 2, isFinished: true, rouge: undefined });
  assert.deepEqual([scores.lines(), scores.document()], [[], { unfinishedCount: 0 }]);
  scores.add({ text: 'b', tokenCount: 9, isFinished: false, rouge: { rouge1: 1, rouge2: 0.5, rougeL: 1 } });
  scores.add({ text: 'c', tokenCount: 3, isFinished: true, rouge: { rouge1: 0.5, rouge2: 0, rougeL: 0.25 } });
  assert.deepEqual(scores.document(), {
    unfinishedCount: 1,
    rouge: { rouge1: 0.75, rouge2: 0.25, rougeL: 0.625, recordCount: 2 },
  });
  assert.deepEqual(scores.lines(), [
    'ROUGE-1 0.7500, ROUGE-2 0.2500, ROUGE-L 0.6250: mean F1 of 2 records with a target',
    '1 of 3 texts did not end within --max-target-length',
  ]);
});
