import { test } from 'node:test';
import { assertChangeRefused, assertRefused, WHOLE } from '../../test/damaged-gguf.ts';

// Where things lie in every GGUF file, after its four letters.
const VERSION = 0;
const TENSOR_COUNT = 4;
const PAIR_COUNT = 12;
const FIRST_KEY = 20;

test('convertGguf refuses a file of another kind and an empty one', async () => {
  await assertRefused(Buffer.from('PK\x03\x04 and so on'), /begins with "PK.*" where "GGUF" is expected/s);
  await assertRefused(new Uint8Array(), /4 bytes at 0 lie outside of the file's 0/);
});

test('convertGguf refuses other versions, and big-endian files with them', async () => {
  await assertChangeRefused('GGUF', (view) => view.setUint32(VERSION, 1, true), /version 1, not one of 2, 3/);
  await assertChangeRefused('GGUF', (view) => view.setUint32(VERSION, 3, false), /version 50331648, not one of 2, 3/);
});

test('convertGguf refuses a file cut off anywhere in its head', async () => {
  const lastName = 'blk.0.ffn_norm.weight';
  // After the name lie the number of dimensions, a size, the type and the offset.
  const headLength = WHOLE.indexOf(lastName) + lastName.length + 4 + 8 + 4 + 8;
  for (let length = 0; length < headLength; length += 29) {
    await assertRefused(WHOLE.subarray(0, length), /bytes at \d+ lie outside of the file's \d+$/);
  }
});

test('convertGguf refuses a file cut off in its tensors', () =>
  assertRefused(WHOLE.subarray(0, WHOLE.length - 1), /tensor ".*" ends at \d+, past the file's \d+ bytes/));

test('convertGguf refuses absurd counts', async () => {
  const huge = (at: number) => (view: DataView) => view.setBigUint64(at, 2n ** 63n, true);
  await assertChangeRefused('GGUF', huge(TENSOR_COUNT), /tensor count is 9223372036854775808, more than 4096/);
  await assertChangeRefused('GGUF', huge(PAIR_COUNT), /metadata count is 9223372036854775808, more than 4096/);
  await assertChangeRefused('GGUF', huge(FIRST_KEY), /length of key 0 is 9223372036854775808, more than 1000000/);
  // After a key lie type and element type, four bytes each, and the length.
  await assertChangeRefused(
    'tokenizer.ggml.merges',
    huge(8),
    /length of "tokenizer.ggml.merges" is 9\d+, more than 1000000/,
  );
  await assertChangeRefused(
    'token_embd.weight',
    huge(4),
    /size 0 of tensor "token_embd.weight" is 9\d+, more than 10000000/,
  );
});

test('convertGguf refuses an array that the file has no bytes for', () =>
  assertChangeRefused(
    'tokenizer.ggml.token_type',
    (view) => view.setBigUint64(8, 1_000_000n, true),
    /4000000 bytes at \d+ lie outside/,
  ));

test('convertGguf refuses types of values that there are not', async () => {
  await assertChangeRefused(
    'llama.block_count',
    (view) => view.setUint32(0, 77, true),
    /"llama.block_count" has values of type 77/,
  );
  await assertChangeRefused(
    'tokenizer.ggml.tokens',
    (view) => view.setUint32(4, 9, true),
    /tokens" has values of type 9/,
  );
});

test('convertGguf refuses types of tensors that it does not read', () =>
  assertChangeRefused(
    'blk.0.attn_q.weight',
    // After the name lie the number of dimensions and two sizes.
    (view) => view.setUint32(4 + 2 * 8, 12, true),
    /tensor "blk.0.attn_q.weight" has type 12; only 0 \(F32\), 3 \(Q4_1\), 8 \(Q8_0\) are read/,
  ));

test('convertGguf refuses wrong shapes and places of tensors', async () => {
  const name = 'blk.0.ffn_up.weight';
  const size = (index: number, value: bigint) => (view: DataView) => view.setBigUint64(4 + 8 * index, value, true);
  await assertChangeRefused(name, (view) => view.setUint32(0, 0, true), /ffn_up.weight" has 0 dimensions, not 1 to 4/);
  await assertChangeRefused(name, (view) => view.setUint32(0, 5, true), /ffn_up.weight" has 5 dimensions, not 1 to 4/);
  await assertChangeRefused(name, size(0, 33n), /ffn_up.weight" has rows of 33, not of blocks of 32/);
  await assertChangeRefused(name, size(1, 16n), /ffn_up.weight" is 16 x 32, 32 x 32 is expected/);
  const offset = (value: bigint) => (view: DataView) => view.setBigUint64(4 + 2 * 8 + 4, value, true);
  await assertChangeRefused(name, offset(33n), /ffn_up.weight" lies at 33, not a multiple of 32/);
  await assertChangeRefused(name, offset(2n ** 62n), /ffn_up.weight" ends at 46\d+, past the file's \d+ bytes/);
});
