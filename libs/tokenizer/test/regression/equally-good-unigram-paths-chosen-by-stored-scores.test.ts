import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FastEncoder, RecordBlockBuilder, Tokenizer } from '../../src/mod.ts';
import { storedScore } from '../../src/model/stored-score.ts';

// Symptom: of two segmentations of the same score the other one was taken. The reference's reader of JSON is one unit off in
// the last place for a quarter of the scores with 17 digits, and sums of them are not equal any more.
const tokenizer = Tokenizer.fromJson(
  JSON.stringify({
    model: {
      type: 'Unigram',
      unk_id: 0,
      vocab: [
        ['<unk>', 0],
        ['a', -11.737865447998047],
        ['b', -11.779102325439453],
        ['ab', -11.602954864501953],
        ['ba', -11.602954864501953],
      ],
    },
  }),
  { fileName: 't.json' },
);

test('Tokenizer.encode takes the segmentation that the reference takes where scores are one unit apart', () => {
  // tokenizers 0.23.3; with the scores as JSON.parse reads them it would be [1, 4, 4, 4].
  assert.deepEqual(Array.from(tokenizer.encode('abababa').ids), [3, 3, 3, 1]);
});

test('FastEncoder.encode takes it too', () => {
  const builder = new RecordBlockBuilder();
  builder.add('abababa');
  assert.deepEqual(Array.from(new FastEncoder(tokenizer).encode(builder.take()).ids), [3, 3, 3, 1]);
});

test('storedScore gives what the reference writes out again for a score that it has read', () => {
  // Tokenizer.from_file(...).to_str() of multilingual-e5-small, tokenizers 0.23.3.
  for (const [read, stored] of [
    [-7.4715776443481445, -7.471577644348144],
    [-7.7206902503967285, -7.720690250396728],
    [-7.8046770095825195, -7.80467700958252],
    [-3.4635426998138428, -3.4635426998138428],
    [-5.404437065124512, -5.404437065124512],
    [0, 0],
    [-10, -10],
  ] as const)
    assert.equal(storedScore(read), stored);
});
