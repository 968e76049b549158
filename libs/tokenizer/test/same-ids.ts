import assert from 'node:assert/strict';
import { FastEncoder, RecordBlockBuilder, type Tokenizer } from '../src/mod.ts';

/** Asserts that the byte path gives each text the ids that the pipeline gives it. */
export function assertSameIds(tokenizer: Tokenizer, texts: readonly string[]): void {
  const builder = new RecordBlockBuilder();
  for (const text of texts) builder.add(text);
  const { ids, recordOffsets } = new FastEncoder(tokenizer).encode(builder.take());
  texts.forEach((text, index) => {
    const found = ids.subarray(recordOffsets[index], recordOffsets[index + 1]);
    const expected = tokenizer.encode(text).ids;
    // deepEqual on every one takes a minute.
    if (found.length === expected.length && expected.every((id, at) => id === found[at])) return;
    assert.deepEqual(Array.from(found), Array.from(expected), JSON.stringify(text));
  });
}
