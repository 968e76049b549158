import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Component } from '../src/component.ts';
import { SPLIT_PATTERNS, type SplitFamily } from '../src/fast/bpe/split-patterns.ts';
import { Tokenizer } from '../src/mod.ts';
import { createPreTokenizer } from '../src/pre-tokenizer/create-pre-tokenizer.ts';
import { Expression } from '../src/regex/expression.ts';
import { splitAt } from '../src/pre-tokenizer/split-behavior.ts';
import { BYTE_CHARACTERS, toByteCharacters } from '../src/unicode/byte-characters.ts';
import { assertSameIds } from './same-ids.ts';

/** What tokenizers 0.23.3 gives (tools/oracles/src/tokenizer/split_digests.py). */
interface Fixture {
  readonly alphabets: readonly string[];
  readonly length: number;
  readonly patterns: Readonly<Record<SplitFamily, readonly string[]>>;
  /** Of lines, one a text: lengths of its pieces in code points, joined by "|". */
  readonly digests: Readonly<Record<SplitFamily, string>>;
}

const { alphabets, length, patterns, digests } = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../fixtures/split-digests.json'), 'utf8'),
) as Fixture;

/** Every text of up to `length` characters over an alphabet, the shorter ones first. */
function* textsOver(alphabet: string): Generator<string> {
  const characters = [...alphabet];
  for (let size = 1; size <= length; size++)
    for (let number = 0; number < characters.length ** size; number++) {
      let text = '';
      for (let rest = number, at = 0; at < size; at++, rest = Math.floor(rest / characters.length))
        text = (characters[rest % characters.length] ?? '') + text;
      yield text;
    }
}

const texts = alphabets.flatMap((alphabet) => [...textsOver(alphabet)]);

const DIGITS = { type: 'Digits', individual_digits: true };

/** A tokenizer whose ids say what the pieces were: each text is one token by itself. */
function revealingTokenizer(family: SplitFamily): Tokenizer {
  const vocabulary = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));
  for (const text of texts) {
    const token = toByteCharacters(text);
    if (!vocabulary.has(token)) vocabulary.set(token, vocabulary.size);
  }
  const split = (Regex: string): object => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
  const pretokenizers = [
    ...(family === 'gpt2-digits' ? [DIGITS] : family === 'gpt2' ? [] : patterns[family].map(split)),
    { type: 'ByteLevel', add_prefix_space: false, use_regex: family.startsWith('gpt2') },
  ];
  const json = {
    model: { type: 'BPE', vocab: Object.fromEntries(vocabulary), merges: [], ignore_merges: true },
    pre_tokenizer: { type: 'Sequence', pretokenizers },
  };
  return Tokenizer.fromJson(JSON.stringify(json), { fileName: `${family}.json` });
}

for (const family of Object.keys(digests) as SplitFamily[]) {
  test(`SPLIT_PATTERNS has the pattern of ${family} that the reference was asked about`, () => {
    assert.deepEqual(SPLIT_PATTERNS[family], patterns[family]);
  });

  test(`Expression splits ${texts.length} short texts by the pattern of ${family} as the reference does`, () => {
    const expressions = patterns[family].map((pattern) => new Expression(pattern));
    const digits = createPreTokenizer(new Component(DIGITS, 't.json.pre_tokenizer'));
    const hash = createHash('sha256');
    for (const text of texts) {
      const pieces = expressions.reduce(
        (parts, expression) => parts.flatMap((part) => splitAt(part, expression.find(part), 'Isolated')),
        family === 'gpt2-digits' ? digits.split(text, true) : [text],
      );
      hash.update(`${pieces.map((piece) => [...piece].length).join('|')}\n`);
    }
    assert.equal(hash.digest('hex'), digests[family]);
  });

  test(`FastEncoder.encode finds the pieces of ${family} in ${texts.length} short texts that the expression finds`, () => {
    const tokenizer = revealingTokenizer(family);
    assertSameIds(tokenizer, texts);
  });
}
