import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReferenceIds } from './reference-ids.ts';

// Records of the ids 5 6, none, 7, 6 6.
const reference = new ReferenceIds(Uint32Array.of(5, 6, 7, 6, 6), Uint32Array.of(0, 2, 2, 3, 5));

test('ReferenceIds compares a sample with the records that it was taken from', () => {
  const sample = Uint32Array.of(0, 3);
  assert.equal(reference.differingRecords(Uint32Array.of(5, 6, 6, 6), Uint32Array.of(0, 2, 4), sample), 0);
  assert.equal(reference.differingRecords(Uint32Array.of(5, 6, 6, 7), Uint32Array.of(0, 2, 4), sample), 1);
  assert.equal(reference.differingRecords(Uint32Array.of(5, 6, 6), Uint32Array.of(0, 2, 3), sample), 1);
  assert.equal(reference.differingRecords(Uint32Array.of(5, 6), Uint32Array.of(0, 2), sample), 2);
});

test('ReferenceIds finds ids that occur more or less often, and those that a histogram has no place for', () => {
  const all = Uint32Array.of(0, 1, 2, 3);
  assert.equal(reference.differingCounts([0, 0, 0, 0, 0, 1, 3, 1], all), 0);
  assert.equal(reference.differingCounts([0, 0, 0, 0, 1, 1, 2, 1], all), 2);
  assert.equal(reference.differingCounts([0, 0, 0, 0, 0, 1, 3], all), 1);
});

test('ReferenceIds finds records of another length', () => {
  const all = Uint32Array.of(0, 1, 2, 3);
  assert.equal(reference.differingLengths(Uint32Array.of(2, 0, 1, 2), all), 0);
  assert.equal(reference.differingLengths(Uint32Array.of(2, 1, 1), all), 3);
});
