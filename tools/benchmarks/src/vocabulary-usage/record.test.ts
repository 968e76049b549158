import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitRecords } from './record.ts';

test('splitRecords puts every tenth record into validation and loses none', () => {
  const records = Array.from({ length: 25 }, (_, index) => ({ text: String(index), label: 'x' }));
  const { train, validation } = splitRecords(records);
  assert.deepEqual(validation, [records[9], records[19]]);
  assert.deepEqual(
    train,
    records.filter((_, index) => index !== 9 && index !== 19),
  );
});
