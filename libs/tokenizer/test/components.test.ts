import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Component } from '../src/component.ts';
import { createNormalizer } from '../src/normalizer/create-normalizer.ts';
import { createPreTokenizer } from '../src/pre-tokenizer/create-pre-tokenizer.ts';

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/component_cases.py). */
interface Fixture {
  readonly texts: readonly string[];
  /** Normalized texts, null where one stays as it is. */
  readonly normalizers: readonly { readonly component: unknown; readonly outputs: readonly (string | null)[] }[];
  /** Pieces of each text. */
  readonly preTokenizers: readonly { readonly component: unknown; readonly outputs: readonly (readonly string[])[] }[];
}

const { texts, normalizers, preTokenizers } = JSON.parse(
  gunzipSync(readFileSync(path.resolve(import.meta.dirname, '../fixtures/components.json.gz'))).toString(),
) as Fixture;

assert.ok(texts.length > 600 && normalizers.length > 25 && preTokenizers.length > 50);

for (const { component, outputs } of normalizers) {
  test(`createNormalizer makes of ${texts.length} texts what the reference does: ${JSON.stringify(component)}`, () => {
    const normalizer = createNormalizer(new Component(component, 't.json.normalizer'));
    texts.forEach((text, index) => {
      assert.equal(normalizer.normalize(text), outputs[index] ?? text, JSON.stringify(text));
    });
  });
}

for (const { component, outputs } of preTokenizers) {
  test(`createPreTokenizer splits ${texts.length} texts as the reference does: ${JSON.stringify(component)}`, () => {
    const preTokenizer = createPreTokenizer(new Component(component, 't.json.pre_tokenizer'));
    texts.forEach((text, index) => {
      assert.deepEqual(preTokenizer.split(text, true), outputs[index], JSON.stringify(text));
    });
  });
}
