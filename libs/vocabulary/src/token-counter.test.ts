import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amazonTokenIds } from '../test/documents.ts';
import { TokenCounter } from './token-counter.ts';

test('TokenCounter counts amazon.json as numpy.bincount does', () => {
  const counter = new TokenCounter();
  for (const ids of amazonTokenIds()) counter.add(ids);
  assert.deepEqual([counter.totalCount, counter.distinctCount], [15054, 1999]);
  // Of the reference: [CLS], [SEP], "!", the full stop, an id that does not occur, one past the end.
  assert.deepEqual(
    [101, 102, 999, 1012, 500, 99999].map((id) => counter.get(id)),
    [1000, 1000, 167, 1079, 0, 0],
  );
  const entries = [...counter.entries()];
  assert.equal(entries.length, 1999);
  assert.deepEqual(
    entries,
    entries.toSorted(([a], [b]) => a - b),
  );
});

test('TokenCounter.merge adds shards up in any order to the same counts', () => {
  const rows = amazonTokenIds();
  const shards = Array.from({ length: 7 }, (_, shard) => {
    const counter = new TokenCounter();
    for (const ids of rows.filter((_, row) => row % 7 === shard)) counter.add(ids);
    return counter;
  });
  const merged = (order: readonly TokenCounter[]): TokenCounter => {
    const total = new TokenCounter();
    for (const counter of order) total.merge(counter);
    return total;
  };
  const whole = new TokenCounter(30522);
  for (const ids of rows) whole.add(ids);
  for (const order of [shards, shards.toReversed()]) {
    const total = merged(order);
    assert.deepEqual([...total.entries()], [...whole.entries()]);
    assert.deepEqual([total.totalCount, total.distinctCount], [15054, 1999]);
  }
});

test('TokenCounter counts past 32 bits', () => {
  const counter = new TokenCounter(1);
  counter.addTimes(5, 2 ** 32 - 1);
  counter.add([5, 5]);
  assert.deepEqual([...counter.entries()], [[5, 2 ** 32 + 1]]);
  const other = new TokenCounter();
  other.addTimes(5, 2 ** 50);
  counter.merge(other);
  assert.equal(counter.get(5), 2 ** 50 + 2 ** 32 + 1);
  assert.equal(counter.totalCount, 2 ** 50 + 2 ** 32 + 1);
  assert.equal(counter.distinctCount, 1);
});
