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
interface Fixture {
  readonly tokenizers: readonly {
    readonly name: string;
    readonly tokenizer: unknown;
    readonly cases: readonly Case[];
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

for (const { name, tokenizer: json, cases } of tokenizers) {
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
}
