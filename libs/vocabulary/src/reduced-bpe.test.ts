import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VocabularyError } from './error.ts';
import { reduceTokenizer } from './reduced-tokenizer.ts';
import { TokenIdMap } from './token-id-map.ts';

interface BpeModel {
  readonly type: 'BPE';
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (string | readonly string[])[];
  readonly [field: string]: unknown;
}

const bpe: { readonly added_tokens: readonly unknown[]; readonly model: BpeModel } = {
  added_tokens: [
    { id: 0, content: '<unk>', special: true },
    { id: 11, content: '<new>', special: true },
  ],
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    byte_fallback: true,
    vocab: { '<unk>': 0, '<0x0A>': 1, a: 2, b: 3, c: 4, d: 5, ab: 6, bc: 7, abc: 8, abcd: 9, cd: 10 },
    // "abcd" comes of ab and cd; "abc" of ab and c; "bc" is on no way to either.
    merges: ['a b', 'c d', 'b c', 'ab c', 'ab cd'],
  },
};

const reducedModel = (keptTokenIds: readonly number[], json: unknown = bpe, keepsOtherTokens = false): BpeModel => {
  const map = TokenIdMap.create(12, Uint32Array.from(keptTokenIds));
  return reduceTokenizer(json, map, 'tokenizer.json', { keepsOtherTokens })['model'] as BpeModel;
};

test('reduceTokenizer keeps the merges that lead to kept tokens of BPE, and what they pass through past the rows', () => {
  const { vocab, merges, ...others } = reducedModel([0, 1, 9, 11]);
  assert.deepEqual(vocab, { '<unk>': 0, '<0x0A>': 1, abcd: 2, '<new>': 3, a: 4, b: 5, c: 6, d: 7, ab: 8, cd: 9 });
  assert.deepEqual(merges, ['a b', 'c d', 'ab cd']);
  assert.deepEqual(others, { type: 'BPE', unk_token: '<unk>', byte_fallback: true });
  // Pairs as lists, with a token of which a space is a part.
  const model = { ...bpe.model, vocab: { '<unk>': 0, ' ': 1, a: 2, ' a': 3 }, merges: [[' ', 'a']] };
  assert.deepEqual(reducedModel([0, 3], { ...bpe, added_tokens: [], model }).merges, [[' ', 'a']]);
});

test('reduceTokenizer keeps BPE tokens that no merges lead to, alone', () => {
  // By the ranks, "abc" in this order is never made: "b c" goes first and leaves "a", "bc".
  const model = { ...bpe.model, ignore_merges: true, merges: ['b c', 'a b', 'ab c'] };
  const { vocab, merges } = reducedModel([0, 8], { ...bpe, added_tokens: [], model });
  assert.deepEqual(vocab, { '<unk>': 0, abc: 1 });
  assert.deepEqual(merges, []);
});

test('reduceTokenizer loses no character of BPE without an unknown token: all stay, past the rows', () => {
  const model = { ...bpe.model, unk_token: null };
  const { vocab } = reducedModel([6], { ...bpe, added_tokens: [], model });
  assert.deepEqual(vocab, { ab: 0, '<0x0A>': 1, a: 2, b: 3, c: 4, d: 5 });
});

test('reduceTokenizer keeps every token and merge of BPE where it is told to', () => {
  const { vocab, merges } = reducedModel([0, 9, 11], bpe, true);
  assert.deepEqual(vocab, {
    '<unk>': 0,
    abcd: 1,
    '<new>': 2,
    '<0x0A>': 3,
    a: 4,
    b: 5,
    c: 6,
    d: 7,
    ab: 8,
    bc: 9,
    abc: 10,
    cd: 11,
  });
  assert.deepEqual(merges, bpe.model.merges);
});

test('reduceTokenizer of BPE drops lines of a version and merges that a later one repeats', () => {
  const model = { ...bpe.model, merges: ['#version: 0.2', 'a b', 'c d', 'a b', 'ab cd'] };
  // The last of equal pairs counts, as in the library's map: c d goes before a b.
  assert.deepEqual(reducedModel([0, 9, 11], { ...bpe, model }).merges, ['c d', 'a b', 'ab cd']);
});

test('reduceTokenizer refuses BPE that it cannot reduce', () => {
  const codeOf = (fields: Readonly<Record<string, unknown>>, ids = [0, 9, 11]): string => {
    try {
      reducedModel(ids, { ...bpe, model: { ...bpe.model, ...fields } });
    } catch (error) {
      assert.ok(error instanceof VocabularyError);
      assert.match(error.message, /^tokenizer\.json/);
      return error.code;
    }
    return 'none';
  };
  assert.equal(codeOf({ end_of_word_suffix: '</w>' }), 'UNSUPPORTED_TOKENIZER');
  assert.equal(codeOf({ continuing_subword_prefix: '##' }), 'UNSUPPORTED_TOKENIZER');
  assert.equal(codeOf({ end_of_word_suffix: '', continuing_subword_prefix: null }), 'none');
  assert.equal(codeOf({ merges: ['<0x0A> a'] }), 'UNSUPPORTED_TOKENIZER');
  assert.equal(codeOf({}, [9, 11]), 'INVALID_TOKEN_IDS');
  for (const merges of [null, [5], ['a'], ['a b c'], ['a x'], [['a', 'b', 'c']]])
    assert.equal(codeOf({ merges }), 'INVALID_TOKENIZER', JSON.stringify(merges));
  for (const vocab of [null, [], { a: 'b' }, { a: -1 }, { a: 2 ** 26 }])
    assert.equal(codeOf({ vocab }), 'INVALID_TOKENIZER', JSON.stringify(vocab));
});
