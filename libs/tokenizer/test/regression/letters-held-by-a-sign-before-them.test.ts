import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { modelFolder } from '@pemmican/testkit';
import { FastEncoder, RecordBlockBuilder, Tokenizer } from '../../src/mod.ts';

// Symptom: "a" with an accent after it became one character though a sign such as U+0600 or U+0891 before it makes all three
// one grapheme, which the character map does not know. One of 320,424 fuzz texts of multilingual-e5-small had it.
const file = path.join(modelFolder('multilingual-e5-small'), 'tokenizer.json');
const tokenizer = Tokenizer.fromJson(readFileSync(file), { fileName: file });

/** tokenizers 0.23.3. */
const EXPECTED: readonly (readonly [text: string, ids: readonly number[]])[] = [
  ['\u0891a\u0301', [0, 6, 3, 11, 4868, 2]],
  ['x\u0891a\u0301', [0, 1022, 3, 11, 4868, 2]],
  ['\u0600ab\u0301', [0, 6, 3, 2055, 4868, 2]],
  ['q \u0891a\u0301', [0, 8096, 6, 3, 11, 4868, 2]],
  ['\u0891\u0301a\u0301', [0, 6, 3, 4868, 709, 2]],
  ['\u06dda\u0301', [0, 6, 246671, 11, 4868, 2]],
  ['\u0891\u00e1', [0, 6, 3, 709, 2]],
  ['\r\na\u0301', [0, 392, 2]],
];

for (const [text, ids] of EXPECTED) {
  const name = [...text].map((character) => character.codePointAt(0)?.toString(16)).join(' ');
  test(`Tokenizer.encode and FastEncoder.encode take ${name} as the reference does`, () => {
    assert.deepEqual(Array.from(tokenizer.encode(text).ids), ids);
    const builder = new RecordBlockBuilder();
    builder.add(text);
    assert.deepEqual(Array.from(new FastEncoder(tokenizer).encode(builder.take()).ids), ids);
  });
}
