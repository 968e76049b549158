import assert from 'node:assert/strict';
import { test } from 'node:test';

import { firstTensorDifference } from './mod.ts';

type Reader = Parameters<typeof firstTensorDifference>[0];

/** Tensors of bytes; counts what is read. */
function readerOf(tensors: Readonly<Record<string, Uint8Array>>): Reader & { readBytes: number } {
  const reader = {
    readBytes: 0,
    get: (name: string) => ({ lengthBytes: tensors[name]!.length }) as ReturnType<Reader['get']>,
    readRange: async (name: string, offsetBytes: number, target: Uint8Array) => {
      reader.readBytes += target.length;
      target.set(tensors[name]!.subarray(offsetBytes, offsetBytes + target.length));
    },
  };
  return reader;
}

const LENGTH_BYTES = 2.5 * 1024 * 1024;
const bytes = Uint8Array.from({ length: LENGTH_BYTES }, (_, index) => index % 251);

test('firstTensorDifference finds a difference anywhere, at the borders of blocks too', async () => {
  assert.equal(await firstTensorDifference(readerOf({ one: bytes, other: bytes.slice() }), 'one', 'other'), -1);
  for (const index of [0, 1024 * 1024 - 1, 1024 * 1024, LENGTH_BYTES - 1]) {
    const other = bytes.slice();
    other[index]! ^= 1;
    const reader = readerOf({ one: bytes, other });
    assert.equal(await firstTensorDifference(reader, 'one', 'other'), index);
    // Nothing is read past the block that differs.
    assert.ok(reader.readBytes <= 2 * (index + 1024 * 1024));
  }
});

test('firstTensorDifference takes tensors without bytes for equal, and refuses different lengths', async () => {
  const reader = readerOf({ one: new Uint8Array(0), other: new Uint8Array(0), longer: new Uint8Array(1) });
  assert.equal(await firstTensorDifference(reader, 'one', 'other'), -1);
  await assert.rejects(firstTensorDifference(reader, 'one', 'longer'), {
    name: 'RangeError',
    message: '"one" and "longer" have different lengths',
  });
});

test('firstTensorDifference stops when its signal is aborted', async () => {
  const signal = AbortSignal.abort(new Error('cancelled'));
  await assert.rejects(
    firstTensorDifference(readerOf({ one: bytes, other: bytes }), 'one', 'other', signal),
    /cancelled/,
  );
});
