import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer, TokenizerError, type TokenizerErrorCode } from './mod.ts';

const wordPiece = { type: 'WordPiece', unk_token: '[UNK]', vocab: { '[UNK]': 0, a: 1 } };
const unigram = {
  type: 'Unigram',
  unk_id: 0,
  vocab: [
    ['<unk>', 0],
    ['a', -1],
  ],
};
const bpe = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] };
const bertProcessing = { type: 'BertProcessing', cls: ['a', 1], sep: ['a', 1] };
const broken: Record<string, [unknown, TokenizerErrorCode, RegExp]> = {
  'a list': [[], 'INVALID_TOKENIZER', /t\.json is not an object/],
  'no model': [{}, 'INVALID_TOKENIZER', /model is not an object/],
  'an unknown model': [
    { model: { type: 'Morphemes' } },
    'UNSUPPORTED_COMPONENT',
    /the model Morphemes is not supported; supported are BPE, Unigram, WordLevel, WordPiece/,
  ],
  'a model without a type': [{ model: { vocab: {} } }, 'UNSUPPORTED_COMPONENT', /the model undefined/],
  'an unknown normalizer': [
    { model: wordPiece, normalizer: { type: 'Romanize' } },
    'UNSUPPORTED_COMPONENT',
    /normalizer: the normalizer Romanize is not supported/,
  ],
  'an unknown normalizer inside of a sequence': [
    { model: wordPiece, normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Romanize' }] } },
    'UNSUPPORTED_COMPONENT',
    /normalizer\.normalizers\[1\]: the normalizer Romanize/,
  ],
  'an unknown pre-tokenizer': [
    { model: wordPiece, pre_tokenizer: { type: 'Syllables' } },
    'UNSUPPORTED_COMPONENT',
    /pre_tokenizer: the pre-tokenizer Syllables is not supported/,
  ],
  'an unknown post-processor': [
    { model: wordPiece, post_processor: { type: 'Shuffle' } },
    'UNSUPPORTED_COMPONENT',
    /post_processor: the post-processor Shuffle is not supported/,
  ],
  'two post-processors that add tokens': [
    { model: wordPiece, post_processor: { type: 'Sequence', processors: [bertProcessing, bertProcessing] } },
    'UNSUPPORTED_COMPONENT',
    /a Sequence of two post-processors that add tokens/,
  ],
  'BPE with dropout': [{ model: { ...bpe, dropout: 0.1 } }, 'UNSUPPORTED_COMPONENT', /model: dropout 0\.1/],
  'merges that are no pairs': [{ model: { ...bpe, merges: ['a b c'] } }, 'INVALID_TOKENIZER', /merges\[0\] is "a b c"/],
  'merges of unknown tokens': [
    { model: { ...bpe, merges: [['a', 'x']] } },
    'INVALID_TOKENIZER',
    /merges\[0\] is \["a","x"\], expected "ax" and its parts in the vocabulary/,
  ],
  'an unknown split behavior': [
    { model: wordPiece, pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'Halved', invert: false } },
    'INVALID_TOKENIZER',
    /behavior is "Halved", expected Removed, Isolated/,
  ],
  'a Metaspace that prepends somewhere else': [
    { model: unigram, pre_tokenizer: { type: 'Metaspace', replacement: '_', prepend_scheme: 'last' } },
    'INVALID_TOKENIZER',
    /prepend_scheme is "last"/,
  ],
  'an id twice': [{ model: { ...wordPiece, vocab: { '[UNK]': 0, a: 0 } } }, 'INVALID_TOKENIZER', /id 0 is there twice/],
  'a negative id': [{ model: { ...wordPiece, vocab: { '[UNK]': -1 } } }, 'INVALID_TOKENIZER', /"\[UNK\]" is -1/],
  'a huge id': [{ model: { ...wordPiece, vocab: { '[UNK]': 0, a: 4e9 } } }, 'INVALID_TOKENIZER', /4000000000/],
  'no unknown token': [{ model: { ...wordPiece, unk_token: 'nope' } }, 'INVALID_TOKENIZER', /unk_token is "nope"/],
  'a piece without a score': [{ model: { ...unigram, vocab: [['a']] } }, 'INVALID_TOKENIZER', /vocab\[0\]/],
  'an unknown id out of range': [{ model: { ...unigram, unk_id: 7 } }, 'INVALID_TOKENIZER', /unk_id is 7/],
  'a charsmap that is not base64': [
    { model: unigram, normalizer: { type: 'Precompiled', precompiled_charsmap: '***' } },
    'INVALID_TOKENIZER',
    /base64/,
  ],
  'a charsmap that is too short': [
    { model: unigram, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } },
    'INVALID_TOKENIZER',
    /at least 8 bytes/,
  ],
  'a charsmap whose trie is longer than it': [
    {
      model: unigram,
      normalizer: { type: 'Precompiled', precompiled_charsmap: btoa('\xff\xff\x00\x00\x00\x00\x00\x00') },
    },
    'INVALID_TOKENIZER',
    /trie of 65535 bytes/,
  ],
  'an added token without an id': [
    { model: wordPiece, added_tokens: [{ content: 'x' }] },
    'INVALID_TOKENIZER',
    /added_tokens\[0\]: id/,
  ],
  'a template that has its sequence twice': [
    {
      model: wordPiece,
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [],
        special_tokens: {},
      },
    },
    'INVALID_TOKENIZER',
    /post_processor: single is .*expected each of A once/,
  ],
  'a template of an unknown token': [
    {
      model: wordPiece,
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '[X]', type_id: 0 } }],
        pair: [],
        special_tokens: {},
      },
    },
    'INVALID_TOKENIZER',
    /\[X\]/,
  ],
};

for (const [name, [json, code, message]] of Object.entries(broken)) {
  test(`Tokenizer.fromJson refuses ${name}`, () => {
    assert.throws(
      () => Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json' }),
      (error) => {
        assert.ok(error instanceof TokenizerError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.match(error.message, /^t\.json/);
        return true;
      },
    );
  });
}

// What Oniguruma takes and this reads in another way, or not at all.
for (const [pattern, construct] of [
  [String.raw`(a)\1`, /the escape \\1/],
  [String.raw`\p{Klingon}`, /the property Klingon/],
  [String.raw`[[:alpha:]]`, /a POSIX bracket/],
  [String.raw`[a-z&&[^b]]`, /an intersection of classes/],
  [String.raw`(?m:.)`, /the group "\(\?m:"/],
  [String.raw`(?i:stra\u00dfe)`, /case-insensitive matching/],
  [String.raw`(?i:st)`, /case-insensitive matching of "s" before other letters/],
  [String.raw`(a*)*`, /an endless loop of what can be empty/],
  [String.raw`a{2,1}`, /the interval \{2,1\}/],
  [String.raw`\X`, /the escape \\X/],
  [String.raw`*a`, /a quantifier without what it repeats/],
  [String.raw`(a`, /"\(" without "\)"/],
  [String.raw`a)`, /"\)" without "\("/],
  [String.raw`[a`, /"\[" without "\]"/],
  [String.raw`[]a]`, /an empty class/],
] as const) {
  test(`Tokenizer.fromJson refuses the expression ${pattern} by what it does not know in it`, () => {
    const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
    assert.throws(
      () => Tokenizer.fromJson(JSON.stringify({ model: wordPiece, pre_tokenizer: split }), { fileName: 't.json' }),
      (error) => {
        assert.ok(error instanceof TokenizerError);
        assert.equal(error.code, 'UNSUPPORTED_COMPONENT');
        assert.match(error.message, /^t\.json\.pre_tokenizer\.pattern: the expression/);
        assert.match(error.message, construct);
        return true;
      },
    );
  });
}

test('Tokenizer.fromJson refuses expressions, vocabularies and ids over their limits', () => {
  const open = (json: unknown): Tokenizer => Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json' });
  const split = { type: 'Split', pattern: { Regex: 'a'.repeat(10_001) }, behavior: 'Isolated', invert: false };
  assert.throws(() => open({ model: wordPiece, pre_tokenizer: split }), /10001 characters, the limit is 10000/);
  const nested = { ...split, pattern: { Regex: `${'('.repeat(101)}a${')'.repeat(101)}` } };
  assert.throws(() => open({ model: wordPiece, pre_tokenizer: nested }), /groups that are more than 100 deep/);
  const long = { ...wordPiece, vocab: { '[UNK]': 0, ['a'.repeat(10_001)]: 1 } };
  assert.throws(() => open({ model: long }), /token of 10001 characters, the limit is 10000/);
  const high = { model: wordPiece, post_processor: { ...bertProcessing, sep: ['a', 10_000_000] } };
  assert.throws(() => open(high), /ids up to 10000000 are over the limit of 10000000/);
});

test('Tokenizer.fromJson refuses an added token of normalized text that the normalizer takes away', () => {
  const token = { id: 2, content: '  ', normalized: true };
  const json = {
    model: wordPiece,
    added_tokens: [token],
    normalizer: { type: 'Strip', strip_left: true, strip_right: true },
  };
  assert.throws(
    () => Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json' }),
    (error) => error instanceof TokenizerError && error.code === 'UNSUPPORTED_COMPONENT' && /"  "/.test(error.message),
  );
});

test('Tokenizer.fromJson refuses what is not JSON or not UTF-8', () => {
  assert.throws(() => Tokenizer.fromJson('{', { fileName: 't.json' }), /t\.json: is not valid JSON/);
  assert.throws(
    () => Tokenizer.fromJson(Uint8Array.of(0xff, 0xfe), { fileName: 't.json' }),
    /t\.json: is not valid JSON/,
  );
});

test('Tokenizer.encode refuses bytes that are not UTF-8 and lengths without room for special tokens', () => {
  const tokenizer = Tokenizer.fromJson(JSON.stringify({ model: wordPiece, post_processor: bertProcessing }), {
    fileName: 't.json',
  });
  assert.throws(
    () => tokenizer.encode(Uint8Array.of(0x61, 0xff)),
    (error) => error instanceof TokenizerError && error.code === 'INVALID_UTF8',
  );
  assert.throws(() => tokenizer.encode('a', { maxLength: 1 }), /maxLength 1 has no room for 2 special tokens/);
  assert.deepEqual(Array.from(tokenizer.encode('a', { maxLength: 2 }).ids), [1, 1]);
});
