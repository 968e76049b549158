import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatasetError, type DatasetErrorCode } from './error.ts';
import { LabelVocabulary, type LabelVocabularyOptions } from './label-vocabulary.ts';

const record = (
  label: number | string | undefined,
): { index: number; row: number; text: string; label?: number | string } => ({
  index: 0,
  row: 7,
  text: '',
  ...(label === undefined ? {} : { label }),
});

function resolveAll(
  options: LabelVocabularyOptions,
  labels: readonly (number | string)[],
): [number[], LabelVocabulary] {
  const vocabulary = new LabelVocabulary(options);
  return [labels.map((label) => vocabulary.resolve(record(label), 'data')), vocabulary];
}

function assertRefuses(
  options: LabelVocabularyOptions,
  labels: readonly (number | string | undefined)[],
  code: DatasetErrorCode,
  message: string,
): void {
  const vocabulary = new LabelVocabulary(options);
  for (const label of labels.slice(0, -1)) vocabulary.resolve(record(label), 'data');
  assert.throws(
    () => vocabulary.resolve(record(labels.at(-1)), 'data'),
    (error) => error instanceof DatasetError && error.code === code && error.message === `data: ${message}`,
    message,
  );
}

const classification = { task: 'classification' } as const;

test('LabelVocabulary keeps whole numbers as they are, also as text', () => {
  const [indices, vocabulary] = resolveAll(classification, [2, '0', '1.0', '+3']);
  assert.deepEqual(indices, [2, 0, 1, 3]);
  assert.equal(vocabulary.count, 4);
  assert.equal(vocabulary.names, undefined);
});

test('LabelVocabulary numbers names as they come', () => {
  const [indices, vocabulary] = resolveAll(classification, ['pos', 'neg', 'pos', '__proto__']);
  assert.deepEqual(indices, [0, 1, 0, 2]);
  assert.deepEqual(vocabulary.names, ['pos', 'neg', '__proto__']);
  assert.equal(vocabulary.count, 3);
});

test('LabelVocabulary takes names and their indices where the names are given', () => {
  const options = { ...classification, labelNames: ['neg', 'pos'] };
  const [indices, vocabulary] = resolveAll(options, ['pos', 0, '1', 'neg']);
  assert.deepEqual(indices, [1, 0, 1, 0]);
  assert.deepEqual(vocabulary.names, ['neg', 'pos']);
  // Names that are numbers mean what they say.
  assert.deepEqual(resolveAll({ ...classification, labelNames: ['5', '1'] }, [1, '5'])[0], [1, 0]);
});

test('LabelVocabulary refuses a label out of range with row, value and limit', () => {
  const limited = { ...classification, labelCount: 2 };
  assertRefuses(limited, [2], 'INVALID_LABEL', 'row 7: label 2 is out of range, expected an integer from 0 to 1');
  assertRefuses(limited, [-1], 'INVALID_LABEL', 'row 7: label -1 is out of range, expected an integer from 0 to 1');
  assertRefuses(limited, ['-1'], 'INVALID_LABEL', 'row 7: label -1 is out of range, expected an integer from 0 to 1');
  assertRefuses(limited, [0.5], 'INVALID_LABEL', 'row 7: label 0.5 is out of range, expected an integer from 0 to 1');
  assertRefuses(limited, ['a', 'b', 'c'], 'INVALID_LABEL', 'row 7: label "c" is none of the 2 labels: "a", "b"');
  const named = { ...classification, labelNames: ['a', 'b'] };
  assertRefuses(named, ['c'], 'INVALID_LABEL', 'row 7: label "c" is none of the 2 labels: "a", "b"');
  assertRefuses(named, [2], 'INVALID_LABEL', 'row 7: label 2 is out of range, expected an integer from 0 to 1');
  assertRefuses(
    classification,
    [1e6],
    'INVALID_LABEL',
    'row 7: label 1000000 is out of range, expected an integer from 0 to 99999',
  );
});

test('LabelVocabulary refuses names among numbers and numbers among names', () => {
  assertRefuses(classification, [1, 'pos'], 'INVALID_LABEL', 'row 7: label "pos" is a name, earlier ones are not');
  assertRefuses(classification, ['pos', '1'], 'INVALID_LABEL', 'row 7: label 1 is a number, earlier ones are not');
});

test('LabelVocabulary refuses a record without a label', () => {
  assertRefuses(classification, [undefined], 'MISSING_LABEL', 'row 7 has no label');
  assertRefuses({ task: 'regression' }, [undefined], 'MISSING_LABEL', 'row 7 has no label');
});

test('LabelVocabulary takes finite numbers for regression', () => {
  assert.deepEqual(resolveAll({ task: 'regression' }, [-1.5, '2e-3', 4])[0], [-1.5, 0.002, 4]);
  for (const label of ['high', ' ', 'NaN', 'Infinity', Infinity])
    assertRefuses(
      { task: 'regression' },
      [label],
      'INVALID_LABEL',
      `row 7: label ${typeof label === 'string' ? JSON.stringify(label) : label} is not a finite number`,
    );
});

test('LabelVocabulary.sortNames numbers the names that were found as sorted() of Python does', () => {
  const labels = new LabelVocabulary({ task: 'classification' });
  const names = ['positive', '\u{1f600}', 'negative', '\uff5e', 'Neutral'];
  const found = names.map((label, row) => labels.resolve({ index: 0, text: '', label, row }, 'train.jsonl'));
  assert.deepEqual(found, [0, 1, 2, 3, 4]);
  const newIndices = labels.sortNames();
  // python3 -c "print(sorted([...]))"
  assert.deepEqual(labels.names, ['Neutral', 'negative', 'positive', '\uff5e', '\u{1f600}']);
  assert.deepEqual(Array.from(newIndices ?? []), [2, 4, 1, 3, 0]);
  assert.equal(labels.resolve({ index: 0, text: '', label: 'negative', row: 9 }, 'train.jsonl'), 1);
});

test('LabelVocabulary.sortNames leaves names that are given and labels that are numbers', () => {
  const given = new LabelVocabulary({ task: 'classification', labelNames: ['positive', 'negative'] });
  given.resolve({ index: 0, text: '', label: 'negative', row: 1 }, 'train.jsonl');
  assert.equal(given.sortNames(), undefined);
  assert.deepEqual(given.names, ['positive', 'negative']);
  const numbers = new LabelVocabulary({ task: 'classification' });
  numbers.resolve({ index: 0, text: '', label: 1, row: 1 }, 'train.jsonl');
  assert.equal(numbers.sortNames(), undefined);
});
