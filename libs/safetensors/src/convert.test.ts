import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { fromFloat32, toFloat32, type Dtype } from './mod.ts';

// Digests of what torch makes of every bit pattern; see tools/oracles/src/safetensors/make_fixtures.py.
const { decode, encode } = JSON.parse(
  readFileSync(new URL('../fixtures/conversions.json', import.meta.url), 'utf8'),
) as {
  decode: Record<string, string>;
  encode: Record<string, { inputs: string; outputs: string; count: number }>;
};

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(array: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function isEightBit(dtype: string): boolean {
  return dtype.startsWith('F8');
}

function everyValue(dtype: Dtype): Float32Array<ArrayBuffer> {
  const codes = isEightBit(dtype)
    ? Uint8Array.from({ length: 256 }, (_, code) => code)
    : new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, code) => code).buffer);
  return toFloat32(dtype, codes);
}

for (const [dtype, digest] of Object.entries(decode)) {
  test(`toFloat32 gives the value that torch gives for every bit pattern of ${dtype}`, async () => {
    const values = everyValue(dtype as Dtype);
    const words = new Uint32Array(values.buffer).map((word, index) =>
      Number.isNaN(values[index]) ? 0x7fc00000 : word,
    );
    assert.equal(await sha256(bytesOf(words)), digest);
  });
}

/** Every finite value, midpoints, and float32's neighbours of all of these, as the oracle makes them. */
function encodeInputs(dtype: Dtype): Uint32Array<ArrayBuffer> {
  const all = everyValue(dtype);
  const values = [...all.subarray(0, all.length / 2)].filter((value) => Number.isFinite(value));
  const midpoints = values.slice(0, -1).map((value, index) => (value + (values[index + 1] ?? 0)) / 2);
  const largest = values.at(-1) ?? 0;
  // float32 arithmetic, as numpy's there.
  const half = Math.fround(largest + Math.fround(Math.fround(largest - (values.at(-2) ?? 0)) / 2));
  const exact = [
    ...new Uint32Array(
      Float32Array.from([...values, ...midpoints, half, Math.fround(largest * 1.5), 3e38, Infinity]).buffer,
    ),
  ];
  const bits = [
    ...exact,
    ...exact.filter((word) => word > 0).map((word) => word - 1),
    ...exact.filter((word) => word < 0x7f800000).map((word) => word + 1),
  ];
  return Uint32Array.from([...bits, ...bits.map((word) => (word | 0x80000000) >>> 0)]);
}

for (const [dtype, { inputs, outputs, count }] of Object.entries(encode)) {
  test(`fromFloat32 rounds to ${dtype} as torch does for every value, midpoint and neighbour`, async () => {
    const words = encodeInputs(dtype as Dtype);
    assert.equal(words.length, count);
    assert.equal(await sha256(bytesOf(words)), inputs, 'the inputs are not those of the oracle');
    assert.equal(await sha256(fromFloat32(dtype as Dtype, new Float32Array(words.buffer))), outputs);
  });
}

test('fromFloat32 keeps NaN a NaN, also one whose mantissa would round away', () => {
  const values = new Float32Array(Uint32Array.of(0x7fc00000, 0x7f800001, 0xffffffff).buffer);
  for (const dtype of ['F32', 'F64', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const) {
    assert.ok(
      toFloat32(dtype, fromFloat32(dtype, values)).every((value) => Number.isNaN(value)),
      dtype,
    );
  }
});

test('toFloat32 reads integers and booleans', () => {
  const bytes = (array: { readonly buffer: ArrayBuffer }): Uint8Array => new Uint8Array(array.buffer);
  assert.deepEqual([...toFloat32('BOOL', Uint8Array.of(0, 1))], [0, 1]);
  assert.deepEqual([...toFloat32('U8', Uint8Array.of(0, 255))], [0, 255]);
  assert.deepEqual([...toFloat32('I8', bytes(Int8Array.of(-128, 127)))], [-128, 127]);
  assert.deepEqual([...toFloat32('I16', bytes(Int16Array.of(-32768)))], [-32768]);
  assert.deepEqual([...toFloat32('U16', bytes(Uint16Array.of(65535)))], [65535]);
  assert.deepEqual([...toFloat32('I32', bytes(Int32Array.of(-5)))], [-5]);
  assert.deepEqual([...toFloat32('U32', bytes(Uint32Array.of(2 ** 32 - 256)))], [2 ** 32 - 256]);
  assert.deepEqual([...toFloat32('I64', bytes(BigInt64Array.of(-7n)))], [-7]);
  assert.deepEqual([...toFloat32('U64', bytes(BigUint64Array.of(2n ** 63n)))], [2 ** 63]);
});

test('toFloat32 reads bytes that do not lie on an element boundary', () => {
  const shifted = new Uint8Array(9);
  shifted.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
  assert.deepEqual([...toFloat32('F32', shifted.subarray(1))], [1.5, -2]);
});

test('toFloat32 and fromFloat32 refuse dtypes without a float32 for each element', () => {
  for (const dtype of ['C64', 'F4', 'F6_E2M3', 'F6_E3M2'] as const) {
    assert.throws(() => toFloat32(dtype, new Uint8Array(8), 'x'), { code: 'UnsupportedDtype', message: /^x: / });
  }
  for (const dtype of ['I32', 'BOOL', 'F8_E8M0', 'F4'] as const) {
    assert.throws(() => fromFloat32(dtype, new Float32Array(2), 'x'), {
      code: 'UnsupportedDtype',
      message: /cannot be written as/,
    });
  }
});
