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
const broken: Record<string, [unknown, TokenizerErrorCode, RegExp]> = {
  'a list': [[], 'INVALID_TOKENIZER', /t\.json is not an object/],
  'no model': [{}, 'INVALID_TOKENIZER', /model is not an object/],
  'an unknown model': [
    { model: { type: 'BPE' } },
    'UNSUPPORTED_COMPONENT',
    /the model BPE is not supported; supported are Unigram, WordPiece/,
  ],
  'an unknown normalizer': [
    { model: wordPiece, normalizer: { type: 'NFC' } },
    'UNSUPPORTED_COMPONENT',
    /normalizer: the normalizer NFC is not supported/,
  ],
  'an unknown pre-tokenizer': [
    { model: wordPiece, pre_tokenizer: { type: 'ByteLevel' } },
    'UNSUPPORTED_COMPONENT',
    /ByteLevel/,
  ],
  'an unknown post-processor': [
    { model: wordPiece, post_processor: { type: 'ByteLevel' } },
    'UNSUPPORTED_COMPONENT',
    /ByteLevel/,
  ],
  'an expression that is not known': [
    { model: wordPiece, normalizer: { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: '' } },
    'UNSUPPORTED_COMPONENT',
    /expression/,
  ],
  'an id twice': [{ model: { ...wordPiece, vocab: { '[UNK]': 0, a: 0 } } }, 'INVALID_TOKENIZER', /id 0 is there twice/],
  'a negative id': [{ model: { ...wordPiece, vocab: { '[UNK]': -1 } } }, 'INVALID_TOKENIZER', /"\[UNK\]" is -1/],
  'a huge id': [{ model: { ...wordPiece, vocab: { '[UNK]': 0, a: 4e9 } } }, 'INVALID_TOKENIZER', /4000000000/],
  'no unknown token': [{ model: { ...wordPiece, unk_token: 'nope' } }, 'INVALID_TOKENIZER', /unk_token is "nope"/],
  'a piece without a score': [{ model: { ...unigram, vocab: [['a']] } }, 'INVALID_TOKENIZER', /vocab\[0\]/],
  'an unknown id out of range': [{ model: { ...unigram, unk_id: 7 } }, 'INVALID_TOKENIZER', /unk_id is 7/],
  'byte fallback': [{ model: { ...unigram, byte_fallback: true } }, 'UNSUPPORTED_COMPONENT', /byte_fallback/],
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

test('Tokenizer.fromJson refuses what is not JSON or not UTF-8', () => {
  assert.throws(() => Tokenizer.fromJson('{', { fileName: 't.json' }), /t\.json: is not valid JSON/);
  assert.throws(
    () => Tokenizer.fromJson(Uint8Array.of(0xff, 0xfe), { fileName: 't.json' }),
    /t\.json: is not valid JSON/,
  );
});

test('Tokenizer.encode refuses bytes that are not UTF-8 and lengths without room for special tokens', () => {
  const template = { type: 'BertProcessing', cls: ['a', 1], sep: ['a', 1] };
  const tokenizer = Tokenizer.fromJson(JSON.stringify({ model: wordPiece, post_processor: template }), {
    fileName: 't.json',
  });
  assert.throws(
    () => tokenizer.encode(Uint8Array.of(0x61, 0xff)),
    (error) => error instanceof TokenizerError && error.code === 'INVALID_UTF8',
  );
  assert.throws(() => tokenizer.encode('a', { maxLength: 1 }), /maxLength 1 has no room for 2 special tokens/);
  assert.deepEqual(Array.from(tokenizer.encode('a', { maxLength: 2 }).ids), [1, 1]);
});
