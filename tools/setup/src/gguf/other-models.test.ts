import { test } from 'node:test';
import { assertChangeRefused, assertTextRefused } from '../../test/damaged-gguf.ts';

test('convertGguf refuses values of a wrong type or size', async () => {
  const set = (value: number) => (view: DataView) => view.setUint32(4, value, true);
  await assertChangeRefused(
    'llama.context_length',
    set(0),
    /context_length" is "0", expected a whole number from 1 to 10000000/,
  );
  await assertChangeRefused('llama.block_count', set(4e9), /block_count" is "4000000000", expected a whole number/);
  await assertChangeRefused(
    'llama.attention.head_count',
    set(3),
    /3 heads of 8 .* do not share out its 32 hidden units/,
  );
  await assertChangeRefused('llama.attention.head_count_kv', set(5), /head_count_kv" is "5", expected .* from 1 to 4/);
  await assertChangeRefused('ggml.padding_token_id', set(99), /padding_token_id" is "99", expected .* from 0 to 14/);
  await assertChangeRefused('llama.rope.freq_base', (view) => view.setFloat32(4, NaN, true), /freq_base" is "NaN"/);
  await assertChangeRefused('llama.vocab_size', set(16), /15 pieces and 15 types of pieces for 16 rows/);
  await assertChangeRefused('ggml.add_bos_token', (view) => view.setUint8(4, 1), /add_bos_token" is true, only false/);
});

test('convertGguf refuses missing, second and unknown tensors and keys', async () => {
  await assertTextRefused('blk.0.ffn_up', 'blk.0.ffn_UP', /has no tensor "blk.0.ffn_up.weight"/);
  await assertTextRefused('blk.0.ffn_up', 'blk.0.attn_q', /has tensor "blk.0.attn_q.weight" twice/);
  await assertTextRefused('llama.vocab_size', 'llama.vocab_SIZE', /"llama.vocab_SIZE" has no meaning/);
  await assertTextRefused('general.architecture', 'general.ARCHITECTURE', /has no "general.architecture"/);
  await assertTextRefused(
    'ggml.unknown_token_id',
    'ggml.padding_token_id',
    /has "tokenizer.ggml.padding_token_id" twice/,
  );
  await assertChangeRefused(
    'llama.block_count',
    (view) => view.setUint32(4, 2, true),
    /has no tensor "blk.1.attn_norm.weight"/,
  );
});

test('convertGguf refuses tokenizers of another kind', async () => {
  await assertTextRefused('smollm', 'llama3', /ggml.pre" is "llama3", only "smollm" is converted/);
  await assertTextRefused('gpt2', 'bert', /ggml.model" is "bert", only "gpt2" is converted/);
  // After the key lie type and element type, the length, and the types of the pieces.
  await assertChangeRefused(
    'tokenizer.ggml.token_type',
    (view) => view.setInt32(16, 6, true),
    /a piece of type 6, only/,
  );
});

test('convertGguf refuses damaged pieces and merges', async () => {
  await assertChangeRefused(
    '<|im_en',
    (view) => view.setUint8(0, 0xff),
    /a string of "tokenizer.ggml.tokens" is not UTF-8/,
  );
  const length = '\x01\0\0\0\0\0\0\0';
  await assertTextRefused(`1${length}9`, `9${length}9`, /only 14 of its 15 pieces are different/);
  await assertTextRefused('1 9', '1 b', /merge "1 b" is not two of its pieces that make up a third/);
  await assertTextRefused('1 9', '1-9', /merge "1-9" is not two of its pieces/);
});
