import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { modelFolder } from '@pemmican/testkit';
import { Tokenizer } from './mod.ts';

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/fuzz_cases.py, seed 7, and hand-picked traps). */
interface FuzzCase {
  readonly text: string;
  readonly textPair?: string;
  readonly maxLength?: number;
  readonly ids: number[];
  readonly typeIds: number[];
}

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');
const traps = JSON.parse(readFileSync(path.join(FIXTURES, 'traps.json'), 'utf8')) as {
  texts: string[];
  ids: Record<string, number[][]>;
};

for (const [model, fixture] of [
  ['all-MiniLM-L6-v2', 'minilm'],
  ['multilingual-e5-small', 'e5'],
] as const) {
  const open = (): Tokenizer =>
    Tokenizer.fromJson(readFileSync(path.join(modelFolder(model), 'tokenizer.json')), { fileName: 'tokenizer.json' });

  test(`Tokenizer of ${model} gives the reference ids for 1,200 random texts, pairs and truncations`, () => {
    const tokenizer = open();
    const cases = JSON.parse(
      gunzipSync(readFileSync(path.join(FIXTURES, `${fixture}.json.gz`))).toString(),
    ) as FuzzCase[];
    assert.equal(cases.length, 1200);
    for (const { text, textPair, maxLength, ids, typeIds } of cases) {
      const encoding = tokenizer.encode(text, {
        ...(textPair === undefined ? {} : { textPair }),
        ...(maxLength === undefined ? {} : { maxLength }),
      });
      assert.deepEqual(Array.from(encoding.ids), ids, JSON.stringify({ text, textPair, maxLength }));
      assert.deepEqual(Array.from(encoding.typeIds), typeIds, JSON.stringify({ text, textPair, maxLength }));
    }
  });

  test(`Tokenizer of ${model} gives the reference ids for texts that are easily got wrong`, () => {
    const tokenizer = open();
    traps.texts.forEach((text, index) => {
      assert.deepEqual(
        Array.from(tokenizer.encode(text).ids),
        traps.ids[model]![index],
        JSON.stringify(text.slice(0, 40)),
      );
    });
  });
}

test('Tokenizer.encode says what truncation cut off, on either side', () => {
  const tokenizer = Tokenizer.fromJson(readFileSync(path.join(modelFolder('all-MiniLM-L6-v2'), 'tokenizer.json')), {
    fileName: 'tokenizer.json',
  });
  // "one two three four five": 2028 2048 2093 2176 2274
  const right = tokenizer.encode('one two three four five', { maxLength: 5 });
  assert.deepEqual(Array.from(right.ids), [101, 2028, 2048, 2093, 102]);
  assert.equal(right.isTruncated, true);
  assert.equal(right.untruncatedLength, 7);
  const left = tokenizer.encode('one two three four five', { maxLength: 5, truncationSide: 'left' });
  assert.deepEqual(Array.from(left.ids), [101, 2093, 2176, 2274, 102]);
});

test('Tokenizer.fromVocabTxt equals the tokenizer.json of the same vocabulary', () => {
  const folder = modelFolder('all-MiniLM-L6-v2');
  const fromJson = Tokenizer.fromJson(readFileSync(path.join(folder, 'tokenizer.json')), {
    fileName: 'tokenizer.json',
  });
  const fromText = Tokenizer.fromVocabTxt(readFileSync(path.join(folder, 'vocab.txt')), { fileName: 'vocab.txt' });
  for (const text of traps.texts)
    assert.deepEqual(fromText.encode(text).ids, fromJson.encode(text).ids, JSON.stringify(text.slice(0, 40)));
  assert.deepEqual(fromText.specialTokenIds, fromJson.specialTokenIds);
});

test('Tokenizer.encode takes a text of 50 MB in time that grows with its length', () => {
  const tokenizer = Tokenizer.fromJson(readFileSync(path.join(modelFolder('all-MiniLM-L6-v2'), 'tokenizer.json')), {
    fileName: 'tokenizer.json',
  });
  assert.equal(tokenizer.encode('word '.repeat(10_000_000), { maxLength: 128 }).untruncatedLength, 10_000_002);
  // One word of 50 MB is over max_input_chars_per_word: [CLS] [UNK] [SEP]
  assert.deepEqual(Array.from(tokenizer.encode('x'.repeat(50_000_000)).ids), [101, 100, 102]);
});
