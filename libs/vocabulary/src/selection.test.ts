import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amazonTokenIds, vocabularyError } from '../test/documents.ts';
import { selectKeptTokenIds, type Selection, type SelectionOptions } from './selection.ts';
import { TokenCounter } from './token-counter.ts';
import { TokenIdMap } from './token-id-map.ts';

const bertSpecial = [0, 100, 101, 102, 103];

function counterOf(counts: Readonly<Record<number, number>>): TokenCounter {
  const counter = new TokenCounter();
  for (const [id, count] of Object.entries(counts)) counter.addTimes(Number(id), count);
  return counter;
}

function select(counts: Readonly<Record<number, number>>, options: Partial<SelectionOptions> = {}): Selection {
  return selectKeptTokenIds({ modelVocabSize: 20, counts: counterOf(counts), alwaysKept: [], ...options });
}

function selectAmazon(options: Partial<SelectionOptions> = {}): Selection {
  const counts = new TokenCounter();
  for (const ids of amazonTokenIds()) counts.add(ids);
  return selectKeptTokenIds({ modelVocabSize: 30522, counts, alwaysKept: bertSpecial, ...options });
}

test('selectKeptTokenIds keeps the 2002 rows of amazon.json that the reference run of PyTorch used', async () => {
  const { keptTokenIds, ...lost } = selectAmazon();
  assert.equal(keptTokenIds.length, 2002);
  assert.equal(
    await TokenIdMap.create(30522, keptTokenIds).digest(),
    'sha256:8ee80cdc3ed8766af8f6559ba37e92b52cec449a8f7fc59dadfa63fb2b5031b4',
  );
  assert.deepEqual(lost, { droppedTokenCount: 0, droppedOccurrenceCount: 0, paddingRowCount: 0 });
});

test('selectKeptTokenIds drops ids by minCount and maxRows and counts what is lost, as numpy does', async () => {
  const frequent = selectAmazon({ minCount: 2 });
  assert.equal(frequent.keptTokenIds.length, 943);
  assert.deepEqual([frequent.droppedTokenCount, frequent.droppedOccurrenceCount], [1059, 1059]);
  const few = selectAmazon({ maxRows: 1000 });
  assert.equal(
    await TokenIdMap.create(30522, few.keptTokenIds).digest(),
    'sha256:b1160dccc072346e14c9155837590851e979b5137a7f3cb844dc375c07f4b1b7',
  );
  assert.deepEqual([few.droppedTokenCount, few.droppedOccurrenceCount], [1002, 1002]);
});

test('selectKeptTokenIds keeps ids that are always kept, whatever the limits', () => {
  const { keptTokenIds } = select({ 3: 1, 5: 9 }, { alwaysKept: [0, 3, 19, 0], minCount: 5 });
  assert.deepEqual(keptTokenIds, Uint32Array.of(0, 3, 5, 19));
});

test('selectKeptTokenIds of equally frequent ids keeps the lowest', () => {
  const { keptTokenIds, droppedTokenCount } = select({ 9: 2, 4: 2, 6: 2, 8: 3 }, { maxRows: 3 });
  assert.deepEqual(keptTokenIds, Uint32Array.of(4, 6, 8));
  assert.equal(droppedTokenCount, 1);
});

test('selectKeptTokenIds pads with the most frequent dropped ids, which are then not lost, and the lowest unused ones', () => {
  const counts = { 5: 9, 7: 2, 8: 3, 9: 1 };
  assert.deepEqual(select(counts, { minCount: 5, padToMultipleOf: 3 }), {
    keptTokenIds: Uint32Array.of(5, 7, 8),
    droppedTokenCount: 1,
    droppedOccurrenceCount: 1,
    paddingRowCount: 2,
  });
  assert.deepEqual(select(counts, { padToMultipleOf: 8 }), {
    keptTokenIds: Uint32Array.of(0, 1, 2, 3, 5, 7, 8, 9),
    droppedTokenCount: 0,
    droppedOccurrenceCount: 0,
    paddingRowCount: 4,
  });
  assert.equal(select(counts, { padToMultipleOf: 4 }).paddingRowCount, 0);
});

test('selectKeptTokenIds pads to no more rows than there are', () => {
  const { keptTokenIds, paddingRowCount } = select({ 5: 1 }, { padToMultipleOf: 64 });
  assert.deepEqual(
    keptTokenIds,
    Uint32Array.from({ length: 20 }, (_, id) => id),
  );
  assert.equal(paddingRowCount, 19);
});

test('selectKeptTokenIds refuses ids without a row with both numbers', () => {
  const message = "Token id 20 has no row: the model's embedding matrix has 20 rows";
  assert.throws(() => select({ 20: 1 }), vocabularyError('TOKENIZER_TOO_LARGE', message));
  assert.throws(() => select({ 1: 1 }, { alwaysKept: [20] }), vocabularyError('TOKENIZER_TOO_LARGE', message));
  assert.throws(() => select({ 1: 1 }, { alwaysKept: [-1] }), vocabularyError('TOKENIZER_TOO_LARGE', /^Token id -1/));
});

test('selectKeptTokenIds refuses options that cannot be', () => {
  assert.throws(
    () => select({ 1: 1 }, { alwaysKept: [1, 2, 3], maxRows: 2 }),
    vocabularyError('INVALID_OPTION', 'maxRows 2 is less than the 3 ids that are always kept'),
  );
  for (const option of ['minCount', 'maxRows', 'padToMultipleOf'])
    for (const value of [-1, 1.5, NaN, Infinity])
      assert.throws(
        () => select({ 1: 1 }, { [option]: value }),
        vocabularyError('INVALID_OPTION', `${option} is ${value}, expected an integer of at least 0`),
      );
});
