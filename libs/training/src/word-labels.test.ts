import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EncodedDatasetBuilder, digestDataset, makeBatch } from './encoded-dataset.ts';
import { labelledTargets } from './token-targets.ts';
import { NO_LABEL, continuationLabels, labelTokens } from './word-labels.ts';

// [CLS] one word of two tokens, a word that lost all of its tokens, a word of one token, a word of three [SEP]
const WORD_IDS = Int32Array.of(-1, 0, 0, 2, 3, 3, 3, -1);
const WORD_LABELS = [1, 7, 0, 3];

test("labelTokens gives a word's class to its first token alone", () => {
  assert.deepEqual([...labelTokens(WORD_IDS, WORD_LABELS)], [-100, 1, -100, 0, 3, -100, -100, -100]);
});

test('labelTokens gives the class to all tokens of a word where it is told what it becomes', () => {
  const names = ['O', 'B-PER', 'I-PER', 'B-LOC'];
  const continued = continuationLabels(names);
  // There is no I-LOC, so that B-LOC stays as it is.
  assert.deepEqual(continued, [0, 2, 2, 3]);
  assert.deepEqual(
    [...labelTokens(WORD_IDS, WORD_LABELS, (label) => continued[label]!)],
    [-100, 1, 2, 0, 3, 3, 3, -100],
  );
});

test('labelledTargets are the tokens of a batch that have a class, by their places in the padded rows', () => {
  const builder = new EncodedDatasetBuilder();
  builder.add([1, 5, 6, 2], new Uint8Array(4), 0);
  builder.add([1, 7, 2], new Uint8Array(3), 0);
  const labels = [NO_LABEL, 2, 1, NO_LABEL, NO_LABEL, 0, NO_LABEL];
  const dataset = { ...builder.build(), tokenLabels: Int32Array.from(labels) };
  const both = labelledTargets(makeBatch(dataset, Uint32Array.of(1, 0), 0));
  // Rows of four: the short one comes first.
  assert.deepEqual([...both.positions], [1, 5, 6]);
  assert.deepEqual([...both.labels], [0, 2, 1]);
  const none = { ...dataset, tokenLabels: new Int32Array(labels.length).fill(NO_LABEL) };
  assert.throws(() => labelledTargets(makeBatch(none, Uint32Array.of(0), 0)), {
    code: 'INVALID_DATA',
    message: 'A batch predicts nothing: it has no word with a tag',
  });
});

test('digestDataset tells data sets apart by the classes of their tokens', async () => {
  const builder = new EncodedDatasetBuilder();
  builder.add([5, 6], new Uint8Array(2), 0);
  const dataset = builder.build();
  const digests = await Promise.all(
    [dataset, { ...dataset, tokenLabels: Int32Array.of(0, 1) }, { ...dataset, tokenLabels: Int32Array.of(1, 1) }].map(
      digestDataset,
    ),
  );
  assert.equal(new Set(digests).size, 3);
});
