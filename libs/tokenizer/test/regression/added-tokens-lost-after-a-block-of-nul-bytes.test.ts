import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FastEncoder, RecordBlockBuilder, Tokenizer } from '../../src/mod.ts';

// Symptom: an added token was not found any more once a large block had been encoded. The block had been loaded over the table
// that says where added tokens may begin.
test('FastEncoder.encode finds added tokens after a block of 200,000 NUL bytes', () => {
  const tokenizer = Tokenizer.fromJson(
    JSON.stringify({
      model: { type: 'WordLevel', vocab: { '[UNK]': 0, a: 1, '<x>': 2 }, unk_token: '[UNK]' },
      pre_tokenizer: { type: 'WhitespaceSplit' },
      added_tokens: [{ id: 2, content: '<x>', special: true, normalized: false }],
    }),
    { fileName: 't.json' },
  );
  const encoder = new FastEncoder(tokenizer);
  const encode = (text: string): number[] => {
    const builder = new RecordBlockBuilder();
    builder.add(text);
    return Array.from(encoder.encode(builder.take()).ids);
  };
  assert.deepEqual(encode('a <x> a<x>'), [1, 2, 1, 2]);
  assert.deepEqual(encode('\0'.repeat(200_000)), [0]);
  assert.deepEqual(encode('a <x> a<x>'), [1, 2, 1, 2]);
});
