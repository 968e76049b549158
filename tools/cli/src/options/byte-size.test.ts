import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseByteSize } from './byte-size.ts';

test('parseByteSize reads binary, decimal and Kubernetes units', () => {
  assert.equal(parseByteSize('8GiB'), 8 * 1024 ** 3);
  assert.equal(parseByteSize('512Mi'), 512 * 1024 ** 2);
  assert.equal(parseByteSize('1.5GB'), 1_500_000_000);
  assert.equal(parseByteSize('2 tib'), 2 * 1024 ** 4);
  assert.equal(parseByteSize('4000000'), 4_000_000);
  assert.equal(parseByteSize('.5k'), 500);
});

test('parseByteSize refuses what is no size', () => {
  for (const text of ['', 'GiB', '-1GB', '1e9', '8 gigs', 'NaN', '9999999999TB', '1GBs']) {
    assert.equal(parseByteSize(text), undefined, text);
  }
});
