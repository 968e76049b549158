import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FastEncoder, RecordBlockBuilder, Tokenizer } from '../mod.ts';
import { BYTE_CHARACTERS } from '../unicode/byte-characters.ts';

// The engine packs a pair's tag, the merge's rank and its id into 64 bits: with ids of 20 bits the least is left to tell
// pairs apart. The readable path has none of that, and other tests hold it against the reference library.

const LETTERS = 'abcdefghijklmnop';
const FIRST_ID = 2 ** 20 - 6000;
const TEXT_COUNT = 400;
const WORD_LETTERS = 40;

/** Numbers that look random and are the same each time (a linear congruence, Numerical Recipes). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Every pair of letters, and every third letter behind them. */
function manyMerges(random: (below: number) => number): (readonly [string, string])[] {
  const pairs = [...LETTERS].flatMap((left) => [...LETTERS].map((right) => [left, right] as const));
  const triples = pairs.flatMap(([left, right]) => [...LETTERS].map((third) => [left + right, third] as const));
  return [...pairs, ...triples]
    .map((merge) => ({ merge, order: random(1_000_000) }))
    .sort((one, other) => one.order - other.order)
    .map(({ merge }) => merge);
}

function openTokenizer(firstId: number): Tokenizer {
  const merges = manyMerges(randomOf(5));
  const tokens = [...BYTE_CHARACTERS, ...new Set(merges.map(([left, right]) => left + right))];
  const model = {
    type: 'BPE',
    vocab: Object.fromEntries(tokens.map((token, index) => [token, firstId + index])),
    merges: merges.map(([left, right]) => `${left} ${right}`),
  };
  const json = { model, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true } };
  return Tokenizer.fromJson(JSON.stringify(json), { fileName: 'large-ids.json' });
}

for (const firstId of [0, FIRST_ID, 2 ** 20 - 4000])
  test(`FastEncoder merges ids from ${firstId} on as Tokenizer does`, () => {
    const tokenizer = openTokenizer(firstId);
    const random = randomOf(firstId + 1);
    const texts = Array.from({ length: TEXT_COUNT }, () =>
      Array.from({ length: 1 + random(WORD_LETTERS) }, () => LETTERS.charAt(random(LETTERS.length))).join(''),
    );
    const builder = new RecordBlockBuilder();
    for (const text of texts) builder.add(text);
    const { ids, recordOffsets } = new FastEncoder(tokenizer).encode(builder.take());
    for (const [index, text] of texts.entries())
      assert.deepEqual(
        [...ids.subarray(recordOffsets[index], recordOffsets[index + 1])],
        [...tokenizer.encode(text).ids],
        text,
      );
  });
