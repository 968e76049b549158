import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { FastCounter, FastEncoder, RecordBlockBuilder, Tokenizer, type RecordBlock } from '../src/mod.ts';

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/adversarial_cases.py). */
interface Fixture {
  readonly texts: readonly string[];
  /** By place in the cache: ids of each text, with special tokens. */
  readonly ids: Readonly<Record<string, readonly (readonly number[])[]>>;
}

const { texts, ids } = JSON.parse(
  gunzipSync(readFileSync(path.resolve(import.meta.dirname, '../fixtures/adversarial.json.gz'))).toString(),
) as Fixture;

// What the set-up of the tests fetches: it has to be there.
const REQUIRED: readonly string[] = [
  ...['models/all-MiniLM-L6-v2', 'models/multilingual-e5-small', 'models/splade-tiny', 'tokenizers/bert-base-uncased'],
  ...['tokenizers/gpt2', 'tokenizers/llama2', 'tokenizers/qwen3', 'tokenizers/claude', 'tokenizers/gpt35turbo'],
];

function blockOf(records: readonly string[]): RecordBlock {
  const builder = new RecordBlockBuilder();
  for (const record of records) builder.add(record);
  return builder.take();
}

assert.ok(texts.length > 2000);
assert.ok(REQUIRED.every((place) => place in ids));
for (const [place, expected] of Object.entries(ids)) {
  const file = path.join(CACHE_FOLDER, place, 'tokenizer.json');
  if (!REQUIRED.includes(place) && !existsSync(file)) {
    console.log(`${place}: not fetched (node tools/setup/src/main.ts assets tokenizers), so it is not tested here`);
    continue;
  }
  let opened: Tokenizer | undefined;
  const open = (): Tokenizer => (opened ??= Tokenizer.fromJson(readFileSync(file), { fileName: file }));

  test(`Tokenizer.encode gives the reference ids of ${place} for ${texts.length} adversarial texts`, () => {
    const tokenizer = open();
    texts.forEach((text, index) => {
      assert.deepEqual(Array.from(tokenizer.encode(text).ids), expected[index], JSON.stringify(text));
    });
  });

  // A table of 4 KB is emptied all the time.
  for (const memoBytes of [1 << 12, 1 << 24]) {
    test(`FastEncoder.encode gives the reference ids of ${place} for them with a table of ${memoBytes} bytes`, () => {
      const encoder = new FastEncoder(open(), { memoBytes });
      // Twice: first all are new, then some are known.
      for (let round = 0; round < 2; round++) {
        const { ids: found, recordOffsets } = encoder.encode(blockOf(texts));
        texts.forEach((text, index) => {
          const record = found.subarray(recordOffsets[index], recordOffsets[index + 1]);
          assert.deepEqual(Array.from(record), expected[index], JSON.stringify(text));
        });
      }
    });
  }

  test(`FastCounter.add counts the reference ids of ${place} for them`, () => {
    const tokenizer = open();
    const counter = new FastCounter(tokenizer);
    const counts = new Float64Array(tokenizer.vocabSize);
    for (const record of expected) for (const id of record) counts[id] = (counts[id] ?? 0) + 1;
    for (let round = 0; round < 2; round++) {
      const { recordLengths } = counter.add(blockOf(texts));
      assert.deepEqual(
        Array.from(recordLengths),
        expected.map((record) => record.length),
      );
      assert.deepEqual(counter.takeCounts(), counts);
    }
    // The largest take a gigabyte together.
    opened = undefined;
  });
}
