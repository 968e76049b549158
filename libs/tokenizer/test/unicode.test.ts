import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Component } from '../src/component.ts';
import { createNormalizer } from '../src/normalizer/create-normalizer.ts';
import { createPreTokenizer } from '../src/pre-tokenizer/create-pre-tokenizer.ts';

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/unicode_digests.py), as SHA-256. */
interface Fixture {
  /** Every combining mark, and one of each combining class. */
  readonly marks: string;
  readonly ladder: string;
  readonly normalizers: readonly { readonly component: unknown; readonly lines: string; readonly orders: string }[];
  /** Number of pieces, and the pieces with a line feed after each. */
  readonly preTokenizers: readonly { readonly component: unknown; readonly pieces: number; readonly runs: string }[];
}

const { marks, ladder, normalizers, preTokenizers } = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../fixtures/unicode-digests.json'), 'utf8'),
) as Fixture;

const CODE_POINT_COUNT = 1_112_064;
const codePoints = Array.from({ length: CODE_POINT_COUNT }, (_, index) => (index < 0xd800 ? index : index + 0x800));
const PART = 1024;
const parts = Array.from({ length: CODE_POINT_COUNT / PART }, (_, part) =>
  codePoints.slice(part * PART, (part + 1) * PART).map((codePoint) => String.fromCodePoint(codePoint)),
);
const lines = parts.map((part) => part.map((character) => `a${character}b\n`).join(''));
const runs = parts.map((part) => part.join(''));
const orders = Array.from(marks, (mark) =>
  Array.from(ladder, (other) => `a${mark}${other}\na${other}${mark}\n`).join(''),
);

const digest = (parts: readonly string[]): string => createHash('sha256').update(parts.join('')).digest('hex');

for (const { component, lines: expected, orders: expectedOrders } of normalizers) {
  test(`createNormalizer does to all ${CODE_POINT_COUNT} code points what the reference does: ${JSON.stringify(component)}`, () => {
    const normalizer = createNormalizer(new Component(component, 't.json.normalizer'));
    assert.equal(digest(lines.map((part) => normalizer.normalize(part))), expected);
    assert.equal(digest(orders.map((part) => normalizer.normalize(part))), expectedOrders);
  });
}

for (const { component, pieces: count, runs: expected } of preTokenizers) {
  test(`createPreTokenizer splits all code points in a row as the reference does: ${JSON.stringify(component)}`, () => {
    const preTokenizer = createPreTokenizer(new Component(component, 't.json.pre_tokenizer'));
    const pieces = runs.flatMap((part) => preTokenizer.split(part, true));
    assert.equal(pieces.length, count);
    assert.equal(digest(pieces.map((piece) => `${piece}\n`)), expected);
  });
}
