import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { CACHE_FOLDER, modelFolder } from '@pemmican/testkit';
import { AlignedText } from '../src/aligned-text.ts';
import { codePointCounter } from '../src/code-points.ts';
import { Component } from '../src/component.ts';
import { Tokenizer, TokenizerError, sliceCodePoints, windowRanges, type TextWindow } from '../src/mod.ts';
import { createNormalizer } from '../src/normalizer/create-normalizer.ts';

/** Ids without special tokens, and starts and ends by token in code points. */
type Placed = readonly [ids: readonly number[], offsets: readonly number[]];
type Pair = readonly [
  first: string,
  second: string,
  maxLength: number,
  stride: number,
  cutText: 'first' | 'second',
  windows: readonly (readonly [
    ids: readonly number[],
    typeIds: readonly number[],
    sequenceIds: readonly number[],
    offsets: readonly number[],
  ])[],
];

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/offset_cases.py). */
interface Fixture {
  readonly smallTexts: readonly string[];
  readonly small: readonly {
    readonly name: string;
    readonly tokenizer: unknown;
    readonly texts: readonly Placed[];
    readonly pairs: readonly Pair[];
  }[];
  /** Places of each character of normalized texts. */
  readonly normalizers: {
    readonly texts: readonly string[];
    readonly outputs: readonly { readonly component: unknown; readonly offsets: readonly (readonly number[])[] }[];
  };
  readonly published: Readonly<
    Record<'minilm' | 'e5' | 'gpt2', { texts: readonly string[]; places: readonly Placed[]; pairs: readonly Pair[] }>
  >;
}

const fixture = JSON.parse(
  gunzipSync(readFileSync(path.resolve(import.meta.dirname, '../fixtures/offsets.json.gz'))).toString(),
) as Fixture;
assert.ok(fixture.small.length > 45 && fixture.normalizers.outputs.length > 25);

const interleaved = (starts: ArrayLike<number>, ends: ArrayLike<number>): number[] =>
  Array.from(starts).flatMap((start, index) => [start, ends[index]!]);

function checkTexts(tokenizer: Tokenizer, texts: readonly string[], expected: readonly Placed[]): void {
  assert.equal(texts.length, expected.length);
  texts.forEach((text, index) => {
    const [window] = tokenizer.windows(tokenizer.place(''), tokenizer.place(text), {
      ...{ maxLength: 1_000_000, stride: 0, cutText: 'second' },
    });
    const kept = Array.from(window!.ids.keys()).filter((token) => window!.sequenceIds[token] === 1);
    const [ids, offsets] = expected[index]!;
    assert.deepEqual(
      [kept.map((token) => window!.ids[token]), kept.flatMap((token) => [window!.starts[token], window!.ends[token]])],
      [ids, offsets],
      JSON.stringify(text),
    );
    assert.deepEqual(Array.from(tokenizer.encode(text, { addSpecialTokens: false }).ids), ids, JSON.stringify(text));
  });
}

function checkPairs(tokenizer: Tokenizer, pairs: readonly Pair[]): void {
  for (const [first, second, maxLength, stride, cutText, expected] of pairs) {
    const options = { maxLength, stride, cutText };
    const found = tokenizer.windows(tokenizer.place(first), tokenizer.place(second), options);
    const plain = ({ ids, typeIds, sequenceIds, starts, ends }: TextWindow, index: number): unknown[] => [
      Array.from(ids),
      index === 0 ? Array.from(typeIds) : [],
      Array.from(sequenceIds),
      interleaved(starts, ends),
    ];
    assert.deepEqual(found.map(plain), expected, JSON.stringify([first, second, options]));
    // The template's types are those of every window.
    const typeOf = (window: TextWindow, sequence: number): number | undefined =>
      window.typeIds[window.sequenceIds.indexOf(sequence)];
    for (const window of found)
      for (const sequence of new Set(window.sequenceIds))
        assert.ok(sequence < 0 || [undefined, typeOf(found[0]!, sequence)].includes(typeOf(window, sequence)));
  }
}

for (const { name, tokenizer: json, texts, pairs } of fixture.small)
  test(`Tokenizer.place finds tokens where the reference does: ${name}`, () => {
    const tokenizer = Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json' });
    checkTexts(tokenizer, fixture.smallTexts, texts);
    checkPairs(tokenizer, pairs);
  });

for (const { component, offsets } of fixture.normalizers.outputs)
  test(`Normalizer.align says where characters came from as the reference does: ${JSON.stringify(component)}`, () => {
    const normalizer = createNormalizer(new Component(component, 't.json.normalizer'));
    fixture.normalizers.texts.forEach((text, index) => {
      const aligned = normalizer.align(AlignedText.of(text));
      assert.equal(aligned.text, normalizer.normalize(text), JSON.stringify(text));
      const toCodePoints = codePointCounter(text);
      const found: number[] = [];
      for (let unit = 0; unit < aligned.text.length; unit += aligned.text.codePointAt(unit)! > 0xffff ? 2 : 1)
        found.push(toCodePoints(aligned.starts[unit]!), toCodePoints(aligned.ends[unit]!));
      assert.deepEqual(found, offsets[index], JSON.stringify(text));
    });
  });

const PUBLISHED = {
  minilm: path.join(modelFolder('all-MiniLM-L6-v2'), 'tokenizer.json'),
  e5: path.join(modelFolder('multilingual-e5-small'), 'tokenizer.json'),
  gpt2: path.join(CACHE_FOLDER, 'tokenizers/gpt2/tokenizer.json'),
} as const;

for (const [name, file] of Object.entries(PUBLISHED) as [keyof typeof PUBLISHED, string][])
  // GPT-2's is only there once an end-to-end test has fetched it.
  test(
    `Tokenizer.windows cuts, encodes and places pairs as the reference does: ${name}`,
    { skip: !existsSync(file) },
    () => {
      const tokenizer = Tokenizer.fromJson(readFileSync(file), { fileName: 'tokenizer.json' });
      const { texts, places, pairs } = fixture.published[name];
      assert.ok(pairs.filter(([, , , , , windows]) => windows.length > 2).length > 10);
      checkTexts(tokenizer, texts, places);
      checkPairs(tokenizer, pairs);
    },
  );

test('Tokenizer.windows refuses a text that leaves no more room than the stride', () => {
  const { tokenizer: json } = fixture.small.find(({ name }) => name === 'WordPiece with BertProcessing')!;
  const tokenizer = Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json' });
  const [first, second] = [tokenizer.place('a a a a'), tokenizer.place('a a a a a')];
  // [CLS] and two [SEP] leave 9 - 3 - 4 tokens.
  const windows = tokenizer.windows(first, second, { maxLength: 9, stride: 1, cutText: 'second' });
  assert.deepEqual(windows.map(({ ids }) => ids.length), [9, 9, 9, 9]); // prettier-ignore
  assert.throws(
    () => tokenizer.windows(first, second, { maxLength: 9, stride: 2, cutText: 'second' }),
    (error) =>
      error instanceof TokenizerError &&
      error.code === 'INVALID_OPTION' &&
      /room for 2 tokens of a text of 5, which must be more than the stride of 2/.test(error.message),
  );
});

test('windowRanges shares the stride between neighbours and ends with the text', () => {
  assert.deepEqual(windowRanges(10, 4, 2), [
    [0, 4],
    [2, 6],
    [4, 8],
    [6, 10],
  ]);
  assert.deepEqual(windowRanges(9, 4, 0), [
    [0, 4],
    [4, 8],
    [8, 9],
  ]);
  assert.deepEqual(windowRanges(4, 4, 3), [[0, 4]]);
});

test('sliceCodePoints takes characters outside of the basic plane as one each', () => {
  assert.equal(sliceCodePoints('a😀b😀c', 1, 4), '😀b😀');
  assert.equal(sliceCodePoints('abc', 1, 2), 'b');
});
