import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RecordPrediction } from '../stages/predict-stage.ts';
import { predictionDocument, renderPrediction } from './prediction-view.ts';

const labelNames = ['O', 'B-PER'];
// Of four words the second has no token and the last is cut off.
const OF_WORDS: RecordPrediction = {
  labelNames,
  logits: [2, -1, 0.5, 1.5],
  words: { wordCount: 4, wordIndices: [0, 2] },
};

test('renderPrediction tells the label of each word, and null where there is none', () => {
  assert.equal(renderPrediction(3, OF_WORDS, 'token-classification'), '{"index":3,"labels":["O",null,"B-PER",null]}');
});

test('renderPrediction tells the label of a record with its probability, and the value of a regression', () => {
  const record = { labelNames, logits: [0, Math.log(3)] };
  assert.deepEqual(JSON.parse(renderPrediction(0, record, 'sequence-classification')), {
    index: 0,
    label: 'B-PER',
    score: 0.75,
    logits: [0, Math.log(3)],
  });
  assert.equal(renderPrediction(1, { labelNames: [], logits: [2.5] }, 'regression'), '{"index":1,"value":2.5}');
});

// Windows of two tokens and of one.
const ANSWERED: RecordPrediction = {
  labelNames: [],
  logits: [1, 2, 3, 4, 5, 6],
  answer: { text: '東京', score: 0.12345678, start: 3, end: 5, windowCount: 2 },
  windowLengths: [2, 1],
};

test('renderPrediction tells the answer to a question, its probability and its place', () => {
  assert.equal(
    renderPrediction(2, ANSWERED, 'question-answering'),
    '{"index":2,"answer":"東京","score":0.123457,"start":3,"end":5}',
  );
});

test('predictionDocument has the answers, and what each token of each window is worth', () => {
  assert.deepEqual(predictionDocument({ records: [ANSWERED], labelNames: [] }), {
    answers: [{ answer: '東京', score: 0.123457, start: 3, end: 5 }],
    logits: [
      [
        { start: [1, 2], end: [3, 4] },
        { start: [5], end: [6] },
      ],
    ],
  });
});

test('renderPrediction and predictionDocument tell what was written, be it nothing', () => {
  const records = ['two "words"', ''].map((text) => ({
    labelNames: [],
    logits: [],
    generated: { text, tokenCount: 1, isFinished: true, rouge: undefined },
  }));
  assert.equal(renderPrediction(1, records[0]!, 'seq2seq-lm'), '{"index":1,"text":"two \\"words\\""}');
  assert.deepEqual(predictionDocument({ records, labelNames: [] }), { texts: ['two "words"', ''] });
});

test('predictionDocument has the logits of each word', () => {
  assert.deepEqual(predictionDocument({ records: [OF_WORDS], labelNames }), {
    logits: [[[2, -1], null, [0.5, 1.5], null]],
    labels: [['O', null, 'B-PER', null]],
    labelNames,
  });
  assert.deepEqual(predictionDocument({ records: [{ labelNames, logits: [1, 2] }], labelNames }), {
    logits: [[1, 2]],
    labelNames,
  });
});
