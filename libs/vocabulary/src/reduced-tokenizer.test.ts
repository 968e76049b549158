import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VocabularyError } from './error.ts';
import { reduceTokenizer, reduceTokenizerConfig, unkTokenIdOf } from './reduced-tokenizer.ts';
import { TokenIdMap } from './token-id-map.ts';

const wordPiece = {
  version: '1.0',
  truncation: { max_length: 128 },
  padding: { strategy: 'BatchLongest', pad_id: 0, pad_token: '[PAD]' },
  added_tokens: [
    { id: 0, content: '[PAD]', special: true },
    { id: 1, content: '[UNK]', special: true },
    { id: 2, content: '[CLS]', special: true },
    { id: 3, content: '[SEP]', special: true },
    { id: 8, content: '[NEW]', special: true },
  ],
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, cat: 4, dog: 5, '##s': 6, mouse: 7 },
  },
};
const map = TokenIdMap.create(10, Uint32Array.of(0, 1, 2, 3, 5, 6, 8));

test('reduceTokenizer keeps the pieces whose rows are kept and renumbers every id', () => {
  assert.deepEqual(reduceTokenizer(wordPiece, map, 'tokenizer.json'), {
    ...wordPiece,
    added_tokens: [
      { id: 0, content: '[PAD]', special: true },
      { id: 1, content: '[UNK]', special: true },
      { id: 2, content: '[CLS]', special: true },
      { id: 3, content: '[SEP]', special: true },
      { id: 6, content: '[NEW]', special: true },
    ],
    model: {
      ...wordPiece.model,
      // The added token, which the model itself did not have, keeps the row that is its own.
      vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, dog: 4, '##s': 5, '[NEW]': 6 },
    },
  });
});

test('reduceTokenizer leaves out an added token that the full matrix has no row for', () => {
  const past = { id: 10, content: '<image>', special: true };
  const larger = { ...wordPiece, added_tokens: [...wordPiece.added_tokens, past] };
  assert.deepEqual(reduceTokenizer(larger, map, 'tokenizer.json'), reduceTokenizer(wordPiece, map, 'tokenizer.json'));
  const decoder = { 0: { content: '[PAD]' }, 8: { content: '[NEW]' }, 10: past };
  assert.deepEqual(reduceTokenizerConfig({ added_tokens_decoder: decoder }, map, 'tokenizer_config.json'), {
    added_tokens_decoder: { 0: { content: '[PAD]' }, 6: { content: '[NEW]' } },
  });
});

test('reduceTokenizer renumbers what each post-processor inserts', () => {
  const shifted = TokenIdMap.create(10, Uint32Array.of(1, 2, 3, 5));
  const reduced = (postProcessor: unknown): unknown =>
    reduceTokenizer({ ...wordPiece, padding: null, post_processor: postProcessor }, shifted, 'tokenizer.json')[
      'post_processor'
    ];
  assert.deepEqual(reduced({ type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] }), {
    type: 'BertProcessing',
    sep: ['[SEP]', 2],
    cls: ['[CLS]', 1],
  });
  const template = { type: 'TemplateProcessing', special_tokens: { '[SEP]': { id: '[SEP]', ids: [3, 3] } } };
  assert.deepEqual(
    reduced({ type: 'Sequence', processors: [{ type: 'ByteLevel', add_prefix_space: true }, template] }),
    {
      type: 'Sequence',
      processors: [
        { type: 'ByteLevel', add_prefix_space: true },
        { type: 'TemplateProcessing', special_tokens: { '[SEP]': { id: '[SEP]', ids: [2, 2] } } },
      ],
    },
  );
  assert.equal(reduced(null), null);
});

const unigram = {
  added_tokens: [
    { id: 0, content: '<unk>' },
    { id: 5, content: '<mask>' },
  ],
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['▁a', -2.5],
      ['b', -20.25],
      ['▁ab', -3],
      ['c', -4],
    ],
  },
};

test('reduceTokenizer orders Unigram pieces by their rows and keeps the price of the unknown token', () => {
  const reduced = reduceTokenizer(unigram, TokenIdMap.create(6, Uint32Array.of(0, 1, 3, 5)), 'tokenizer.json');
  assert.deepEqual(reduced['model'], {
    type: 'Unigram',
    unk_id: 0,
    // "b" had the lowest score, from which the library derives the unknown token's.
    vocab: [
      ['<unk>', -20.25],
      ['▁a', -2.5],
      ['▁ab', -3],
    ],
  });
  assert.deepEqual(reduced['added_tokens'], [
    { id: 0, content: '<unk>' },
    { id: 3, content: '<mask>' },
  ]);
  const whole = reduceTokenizer(unigram, TokenIdMap.create(6, Uint32Array.of(0, 2, 5)), 'tokenizer.json');
  assert.deepEqual((whole['model'] as typeof unigram.model).vocab, [
    ['<unk>', 0],
    ['b', -20.25],
  ]);
});

test('reduceTokenizer refuses what it cannot reduce', () => {
  const codeOf = (json: unknown, ids = [0, 1, 2, 3]): string => {
    try {
      reduceTokenizer(json, TokenIdMap.create(10, Uint32Array.from(ids)), 'dir/tokenizer.json');
    } catch (error) {
      assert.ok(error instanceof VocabularyError);
      assert.match(error.message, /^dir\/tokenizer\.json/);
      return error.code;
    }
    return 'none';
  };
  assert.equal(codeOf({ ...wordPiece, model: { type: 'Other', vocab: {} } }), 'UNSUPPORTED_TOKENIZER');
  assert.equal(codeOf(wordPiece, [0, 2, 3]), 'INVALID_TOKEN_IDS');
  assert.equal(codeOf(wordPiece, [0, 1, 3]), 'INVALID_TOKEN_IDS');
  assert.equal(codeOf(wordPiece, [1, 2, 3]), 'INVALID_TOKEN_IDS');
  // A row without a piece lies between the model's pieces and the added token, which would get that row's id.
  const gap = { ...unigram, added_tokens: [{ id: 7, content: '<mask>' }] };
  assert.equal(codeOf(gap, [0, 1, 6, 7]), 'UNSUPPORTED_TOKENIZER');
  for (const malformed of [null, [], 'text', {}, { model: 3 }, { ...wordPiece, added_tokens: {} }])
    assert.equal(codeOf(malformed), 'INVALID_TOKENIZER');
  assert.equal(codeOf({ ...wordPiece, added_tokens: [{ content: 'x' }] }), 'INVALID_TOKENIZER');
  assert.equal(codeOf({ ...wordPiece, model: { type: 'WordPiece', unk_token: '[UNK]' } }), 'INVALID_TOKENIZER');
  assert.equal(codeOf({ model: { type: 'Unigram', unk_id: null, vocab: [] } }), 'INVALID_TOKENIZER');
  assert.equal(codeOf({ model: { type: 'Unigram', unk_id: 0, vocab: [['a']] } }), 'INVALID_TOKENIZER');
});

test('reduceTokenizer keeps tokens without a row past the rows where it is told to', () => {
  const all = { keepsOtherTokens: true };
  const words = reduceTokenizer(wordPiece, map, 'tokenizer.json', all);
  assert.deepEqual((words['model'] as typeof wordPiece.model).vocab, {
    '[PAD]': 0,
    '[UNK]': 1,
    '[CLS]': 2,
    '[SEP]': 3,
    dog: 4,
    '##s': 5,
    '[NEW]': 6,
    cat: 7,
    mouse: 8,
  });
  const pieces = reduceTokenizer(unigram, TokenIdMap.create(7, Uint32Array.of(0, 3, 5, 6)), 'tokenizer.json', all);
  assert.deepEqual((pieces['model'] as typeof unigram.model).vocab, [
    ['<unk>', 0],
    ['▁ab', -3],
    // The added token's row, and one that no token has.
    ['<mask>', -20.25],
    ['\u{10ffff}3', -20.25],
    ['▁a', -2.5],
    ['b', -20.25],
    ['c', -4],
  ]);
});

test('reduceTokenizerConfig renumbers the decoder of added tokens', () => {
  const config = {
    tokenizer_class: 'BertTokenizer',
    added_tokens_decoder: { '3': { content: '[SEP]' }, '8': { content: 'x' }, '9': {} },
  };
  assert.deepEqual(reduceTokenizerConfig(config, map, 'tokenizer_config.json'), {
    tokenizer_class: 'BertTokenizer',
    added_tokens_decoder: { '3': { content: '[SEP]' }, '6': { content: 'x' } },
  });
  assert.deepEqual(reduceTokenizerConfig({ a: 1 }, map, 'tokenizer_config.json'), { a: 1 });
  // transformers would rebuild this one otherwise than tokenizer.json says.
  assert.deepEqual(reduceTokenizerConfig({ tokenizer_class: 'XLMRobertaTokenizer', unk_token: '<unk>' }, map, 'f'), {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_input_names: ['input_ids', 'attention_mask'],
    unk_token: '<unk>',
  });
});

test('unkTokenIdOf finds the unknown token in the model or among the added tokens', () => {
  assert.equal(unkTokenIdOf(wordPiece, 'f'), 1);
  assert.equal(unkTokenIdOf(unigram, 'f'), 0);
  assert.equal(unkTokenIdOf({ ...wordPiece, model: { ...wordPiece.model, unk_token: '[NEW]' } }, 'f'), 8);
  assert.equal(unkTokenIdOf({ model: { type: 'BPE', vocab: {}, unk_token: null } }, 'f'), undefined);
});
