import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer } from '../../src/mod.ts';

const base = { model: { type: 'WordLevel', vocab: { '[UNK]': 0, a: 1, '<x>': 2 }, unk_token: '[UNK]' } };
const open = (parts: object): Tokenizer =>
  Tokenizer.fromJson(JSON.stringify({ ...base, ...parts }), { fileName: 't.json' });

// Symptom: ids of added tokens were those of the file. The reference gives a token that the model knows the model's id and
// another one the next free id.
test('Tokenizer.encode gives added tokens the ids that the reference gives them, not those of the file', () => {
  const added = ['<y>', '<x>', '<z>', '<y>'].map((content, index) => ({ id: 7 + index, content, special: true }));
  const tokenizer = open({ added_tokens: added });
  // tokenizers 0.23.3, from_str
  assert.deepEqual(Array.from(tokenizer.encode('<y><x><z>').ids), [3, 2, 4]);
  assert.equal(tokenizer.vocabSize, 5);
  assert.deepEqual(Array.from(tokenizer.addedTokenIds), [2, 3, 4]);
});

// Symptom: "<Y>" was not found in "<y>". What is looked for in normalized text is the normalized token.
test('Tokenizer.encode looks for added tokens of normalized text by their normalized contents', () => {
  const token = { id: 3, content: '<Y>', special: false, normalized: true };
  const tokenizer = open({ added_tokens: [token], normalizer: { type: 'Lowercase' } });
  assert.deepEqual(Array.from(tokenizer.encode('<y><Y>').ids), [3, 3]);
});

// Symptom: an error where the reference gives the special tokens alone.
test('Tokenizer.encode leaves nothing of two texts where special tokens take all the room, whatever the strategy', () => {
  const bert = { type: 'BertProcessing', cls: ['a', 1], sep: ['<x>', 2] };
  const tokenizer = open({ post_processor: bert });
  for (const truncationStrategy of ['longest_first', 'only_first', 'only_second'] as const) {
    const { ids } = tokenizer.encode('a', { textPair: 'a', maxLength: 3, truncationStrategy });
    assert.deepEqual(Array.from(ids), [1, 2, 2]);
  }
});
