import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordBlockBuilder, Tokenizer } from '@pemmican/tokenizer';
import { WindowCounter } from './window-counter.ts';

// Ids by line: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, a 5, b 6, c 7, d 8, ##e 9.
const vocabTxt = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\n##e\n';
const tokenizer = Tokenizer.fromVocabTxt(vocabTxt, { fileName: 'vocab.txt' });
const PAIRS = [
  ['a b', 'c d a b ce de aé'],
  ['a', ''],
  ['', 'a'],
  ['a b c', 'a b c d a b c d a b c d a b c d'],
] as const;

test('WindowCounter counts the tokens of the windows that Tokenizer.windows cuts', () => {
  const [maxSequenceLength, stride] = [9, 1];
  const counter = new WindowCounter(tokenizer, { maxSequenceLength, stride });
  const builder = new RecordBlockBuilder();
  for (const [question, context] of PAIRS) builder.add(question, context);
  const { recordLengths, tokenCount, refused } = counter.add(builder.take());
  assert.deepEqual(refused, []);
  const options = { maxLength: maxSequenceLength, stride, cutText: 'second' } as const;
  const windows = PAIRS.flatMap(([question, context]) =>
    tokenizer.windows(tokenizer.place(question), tokenizer.place(context), options),
  );
  assert.ok(windows.length > 2 * PAIRS.length);
  assert.deepEqual(recordLengths, windows.map(({ ids }) => ids.length)); // prettier-ignore
  const expected = new Float64Array(tokenizer.vocabSize);
  for (const { ids } of windows) for (const id of ids) expected[id] = (expected[id] ?? 0) + 1;
  const { tokenCounts, truncatedRecordCount } = counter.take();
  assert.deepEqual([tokenCounts, truncatedRecordCount], [expected, 0]);
  assert.equal(tokenCount, expected.reduce((sum, count) => sum + count, 0)); // prettier-ignore
  const seen = new Uint8Array(tokenizer.vocabSize);
  counter.markSeen(seen);
  assert.deepEqual(
    seen,
    Uint8Array.from(expected, (count) => Number(count > 0)),
  );
  assert.ok(counter.take().tokenCounts.every((count) => count === 0));
});

test('WindowCounter counts nothing of a record whose question leaves too little room', () => {
  const counter = new WindowCounter(tokenizer, { maxSequenceLength: 9, stride: 4 });
  const builder = new RecordBlockBuilder();
  builder.add('a', 'a');
  builder.add('a b', 'a b c d a b c d');
  const { recordLengths, refused } = counter.add(builder.take());
  assert.deepEqual(recordLengths, [5]);
  assert.deepEqual(refused.map(({ recordIndex }) => recordIndex), [1]); // prettier-ignore
  assert.match(refused[0]!.error.message, /room for 4 tokens of a text of 8, which must be more than the stride of 4/);
  assert.equal(counter.take().tokenCounts.reduce((sum, count) => sum + count, 0), 5); // prettier-ignore
});
