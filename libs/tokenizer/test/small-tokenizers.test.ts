import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  FastCounter,
  FastEncoder,
  RecordBlockBuilder,
  Tokenizer,
  TokenizerError,
  type FrameOptions,
} from '../src/mod.ts';

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/small_tokenizer_cases.py): ids and types, null where it refuses. */
type Case = readonly [
  texts: readonly [text: string, textPair?: string],
  special: boolean,
  maxLength: number | null,
  side: 'left' | 'right',
  strategy: NonNullable<FrameOptions['truncationStrategy']>,
  ids: readonly number[] | null,
  typeIds: readonly number[] | null,
];
/** The same of words, with the word of each token; a byte-level tokenizer has `add_prefix_space`. */
type WordCase = readonly [
  words: readonly string[],
  special: boolean,
  maxLength: number | null,
  side: 'left' | 'right',
  ids: readonly number[],
  typeIds: readonly number[],
  wordIds: readonly number[],
];
interface Fixture {
  readonly tokenizers: readonly {
    readonly name: string;
    readonly tokenizer: unknown;
    readonly cases: readonly Case[];
    readonly wordCases: readonly WordCase[];
  }[];
}

interface Found {
  readonly ids: readonly number[];
  readonly typeIds: readonly number[];
}

const { tokenizers } = JSON.parse(
  gunzipSync(readFileSync(path.resolve(import.meta.dirname, '../fixtures/small-tokenizers.json.gz'))).toString(),
) as Fixture;
assert.ok(tokenizers.length > 40);

const wordOptionsOf = ([, addSpecialTokens, maxLength, truncationSide]: WordCase): FrameOptions => ({
  addSpecialTokens,
  truncationSide,
  ...(maxLength === null ? {} : { maxLength }),
});
const optionsOf = ([, addSpecialTokens, maxLength, truncationSide, truncationStrategy]: Case): FrameOptions => ({
  addSpecialTokens,
  truncationSide,
  truncationStrategy,
  ...(maxLength === null ? {} : { maxLength }),
});

function orRefused(encode: () => Found): Found | undefined {
  try {
    return encode();
  } catch (error) {
    assert.ok(error instanceof TokenizerError, String(error));
    return undefined;
  }
}

/** Encoders that stay, so that what they remember counts. */
function kept<Value>(make: (options: FrameOptions) => Value): (options: FrameOptions) => Value {
  const known = new Map<string, Value>();
  return (options) => {
    const key = JSON.stringify(options);
    const value = known.get(key) ?? make(options);
    known.set(key, value);
    return value;
  };
}

for (const { name, tokenizer: json, cases, wordCases } of tokenizers) {
  const open = (): Tokenizer => Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json' });
  const check = (encode: (example: Case) => Found): void => {
    for (const example of cases) {
      const [texts, , , , , ids, typeIds] = example;
      const found = orRefused(() => encode(example));
      const expected = ids === null || typeIds === null ? undefined : { ids, typeIds };
      assert.deepEqual(found, expected, JSON.stringify([texts, optionsOf(example)]));
    }
  };

  test(`Tokenizer.encode gives the reference ids and types of ${cases.length} examples: ${name}`, () => {
    const tokenizer = open();
    check((example) => {
      const [[text, textPair]] = example;
      const pair = textPair === undefined ? {} : { textPair };
      const { ids, typeIds } = tokenizer.encode(text, { ...optionsOf(example), ...pair });
      return { ids: Array.from(ids), typeIds: Array.from(typeIds) };
    });
  });

  test(`FastEncoder.encode gives them too: ${name}`, () => {
    const tokenizer = open();
    const encoderOf = kept((options) => new FastEncoder(tokenizer, { ...options, memoBytes: 1 << 14 }));
    check((example) => {
      const builder = new RecordBlockBuilder();
      builder.add(...example[0]);
      const { ids, typeIds } = encoderOf(optionsOf(example)).encode(builder.take());
      return { ids: Array.from(ids), typeIds: Array.from(typeIds) };
    });
  });

  test(`FastCounter.add counts them: ${name}`, () => {
    const tokenizer = open();
    const counterOf = kept((options) => new FastCounter(tokenizer, { ...options, memoBytes: 1 << 14 }));
    for (const example of cases) {
      const [texts, , , , , ids] = example;
      if (ids === null) continue;
      const builder = new RecordBlockBuilder();
      builder.add(...texts);
      const counter = counterOf(optionsOf(example));
      const { recordLengths } = counter.add(builder.take());
      const counts = Array.from(counter.takeCounts().entries()).flatMap(([id, count]) => Array<number>(count).fill(id));
      assert.deepEqual(Array.from(recordLengths), [ids.length], JSON.stringify([texts, optionsOf(example)]));
      assert.deepEqual(
        counts,
        ids.toSorted((a, b) => a - b),
        JSON.stringify([texts, optionsOf(example)]),
      );
    }
  });

  const openForWords = (): Tokenizer =>
    Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json', areTextsWords: true });

  test(`FastEncoder.encode gives the reference ids and words of ${wordCases.length} split texts: ${name}`, () => {
    const tokenizer = openForWords();
    const encoderOf = kept((options) => new FastEncoder(tokenizer, { ...options, memoBytes: 1 << 14 }));
    for (const example of wordCases) {
      const [words, , , , ids, typeIds, wordIds] = example;
      const builder = new RecordBlockBuilder();
      builder.addWords(words);
      const found = encoderOf(wordOptionsOf(example)).encode(builder.take());
      assert.deepEqual(
        [Array.from(found.ids), Array.from(found.typeIds), Array.from(found.wordIds ?? [])],
        [ids, typeIds, wordIds],
        JSON.stringify([words, wordOptionsOf(example)]),
      );
    }
  });

  test(`FastCounter.add counts the tokens of split texts, all in one block: ${name}`, () => {
    const tokenizer = openForWords();
    const builder = new RecordBlockBuilder();
    const plain = wordCases.filter(([, special, maxLength, side]) => special && maxLength === 6 && side === 'left');
    assert.ok(plain.length > 1);
    for (const [words] of plain) builder.addWords(words);
    const counter = new FastCounter(tokenizer, { maxLength: 6, truncationSide: 'left', memoBytes: 1 << 14 });
    const { recordLengths } = counter.add(builder.take());
    assert.deepEqual(
      Array.from(recordLengths),
      plain.map(([, , , , ids]) => ids.length),
    );
    const expected = new Float64Array(tokenizer.vocabSize);
    for (const [, , , , ids] of plain) for (const id of ids) expected[id] = (expected[id] ?? 0) + 1;
    assert.deepEqual(counter.takeCounts(), expected);
  });
}
