import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readRecords } from '@pemmican/dataset';
import { Tokenizer } from '@pemmican/tokenizer';
import { amazonTokenIds, vocabularyError } from '../test/documents.ts';
import { MODELS, openTokenizer, readSentences, skipWithout, streamOf } from '../test/real-data.ts';
import { splitsRecordByRecord } from '../test/record-by-record.ts';
import { analyzeVocabulary, type AnalysisOptions, type AnalysisProgress, type AnalyzedRecord } from './analyze.ts';
import { parseProfile, totalCounts, type SplitName } from './profile.ts';

async function* recordsOf(texts: readonly (string | AnalyzedRecord)[]): AsyncGenerator<AnalyzedRecord> {
  for (const text of texts) yield typeof text === 'string' ? { text } : text;
}

const split = (name: SplitName, texts: readonly (string | AnalyzedRecord)[], skippedCount = 0) => ({
  split: name,
  records: recordsOf(texts),
  skippedRecordCount: () => skippedCount,
});

// Ids by line: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, a 5, b 6, c 7, d 8, e 9.
const vocabTxt = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\n';
const tokenizer = Tokenizer.fromVocabTxt(vocabTxt, { fileName: 'vocab.txt' });
const options: AnalysisOptions = {
  pemmicanVersion: '0.1.0',
  tokenizer,
  tokenizerDigest: 'sha256:00',
  modelVocabSize: 12,
  hiddenSize: 4,
  maxSequenceLength: 5,
};

test('analyzeVocabulary counts what a model sees: cut to the length, with special tokens and pairs', async () => {
  const profile = await analyzeVocabulary(
    [split('train', ['a b c d e', 'a', { text: 'a', textPair: 'b' }], 4), split('validation', ['d a', 'd'])],
    options,
  );
  const [train, validation] = profile.splits;
  assert.deepEqual(train, {
    split: 'train',
    recordCount: 3,
    skippedRecordCount: 4,
    // [CLS] a b c [SEP], [CLS] a [SEP], [CLS] a [SEP] b [SEP]
    tokenCount: 13,
    distinctTokenCount: 5,
    addedTokenCount: 5,
    truncatedRecordCount: 1,
    tokensPerRecord: { p50: 5, p90: 5, p99: 5, max: 5 },
    recordLengths: [
      [3, 1],
      [5, 2],
    ],
    tokenIds: [2, 3, 5, 6, 7],
    counts: [3, 4, 3, 2, 1],
  });
  assert.deepEqual([validation?.distinctTokenCount, validation?.addedTokenCount], [4, 1]);
  // The ids of e and of rows past the tokenizer are not kept; those that were cut off are not either.
  assert.deepEqual(profile.keptTokenIds, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(
    [...totalCounts(profile).entries()],
    [
      [2, 5],
      [3, 6],
      [5, 4],
      [6, 2],
      [7, 1],
      [8, 2],
    ],
  );
  assert.deepEqual(parseProfile(JSON.parse(JSON.stringify(profile)), 'profile'), profile);
});

test('analyzeVocabulary counts words each by itself, cut to the length', async () => {
  const words = ['a', 'b', 'c', 'd'];
  const profile = await analyzeVocabulary(
    [
      split('train', [
        { text: '', words },
        { text: '', words: ['e'] },
      ]),
    ],
    options,
  );
  // [CLS] a b c [SEP] and [CLS] e [SEP]; "abcd" in one piece would be [UNK].
  assert.deepEqual(profile.splits[0]?.tokenIds, [2, 3, 5, 6, 7, 9]);
  assert.deepEqual(profile.splits[0].counts, [2, 2, 1, 1, 1, 1]);
});

test('analyzeVocabulary keeps ids that the user names and says what options lose', async () => {
  const profile = await analyzeVocabulary([split('train', ['a a b', 'c'])], {
    ...options,
    keepTokenIds: [11],
    minCount: 2,
  });
  assert.deepEqual(profile.keptTokenIds, [0, 1, 2, 3, 4, 5, 11]);
  assert.deepEqual([profile.droppedTokenCount, profile.droppedOccurrenceCount], [2, 2]);
});

test('analyzeVocabulary refuses to drop ids when there is no unknown token to take their place', async () => {
  const vocab = [
    ['a', -1],
    ['b', -2],
  ];
  const json = JSON.stringify({ added_tokens: [], model: { type: 'Unigram', unk_id: null, vocab } });
  const withoutUnk = { ...options, tokenizer: Tokenizer.fromJson(json, { fileName: 'tokenizer.json' }) };
  await assert.rejects(
    analyzeVocabulary([split('train', ['aab'])], { ...withoutUnk, minCount: 2 }),
    vocabularyError(
      'INVALID_OPTION',
      'minCount and maxRows drop 1 ids, and the tokenizer has no unknown token to map them to',
    ),
  );
  assert.deepEqual((await analyzeVocabulary([split('train', ['aab'])], withoutUnk)).keptTokenIds, [0, 1]);
});

// Tokens past the rows of a matrix with 5, special ones (as Gemma 3's tokenizer has one) and one of the model.
const withExcessTokens = Tokenizer.fromJson(
  JSON.stringify({
    added_tokens: [
      { id: 3, content: '<s>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
      { id: 6, content: '<image>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
      { id: 7, content: '<pad>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
    ],
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: { type: 'WordLevel', unk_token: '<unk>', vocab: { '<unk>': 0, a: 1, b: 2, '<s>': 3, c: 4, d: 5 } },
  }),
  { fileName: 'tokenizer.json', config: { pad_token: '<pad>', unk_token: '<unk>' } },
);
const ofFiveRows = { ...options, tokenizer: withExcessTokens, modelVocabSize: 5 };

test('analyzeVocabulary leaves tokens without a row out of the kept ones where they do not occur', async () => {
  const profile = await analyzeVocabulary([split('train', ['a c', 'image pad'])], ofFiveRows);
  assert.deepEqual(profile.keptTokenIds, [0, 1, 3, 4]);
  assert.deepEqual(profile.alwaysKeptTokenIds, [0, 3]);
  assert.equal(profile.fullVocabSize, 5);
  assert.deepEqual(parseProfile(JSON.parse(JSON.stringify(profile)), 'profile'), profile);
});

test('analyzeVocabulary names the first record with a token without a row, special or not', async () => {
  const failing = (texts: readonly string[], message: string): Promise<void> =>
    assert.rejects(
      analyzeVocabulary([split('train', ['a']), split('test', texts)], ofFiveRows),
      vocabularyError('TOKENIZER_TOO_LARGE', message),
    );
  const past = 'has no row: the embedding matrix has 5 rows';
  await failing(['a b', 'c<image>', 'd'], `test, record 2: token id 6 ("<image>") ${past}`);
  await failing(['a b', 'b d', '<image>'], `test, record 2: token id 5 ("d") ${past}`);
  // More than one block of records.
  const many = Array.from({ length: 10_000 }, () => 'a');
  await failing(many.with(9_500, '<pad>'), `test, record 9501: token id 7 ("<pad>") ${past}`);
  // One that truncation cuts off does not occur.
  const { keptTokenIds } = await analyzeVocabulary([split('train', ['a a a a a d'])], ofFiveRows);
  assert.deepEqual(keptTokenIds, [0, 1, 3]);
});

test('analyzeVocabulary still refuses ids without a row that the user names', async () => {
  await assert.rejects(
    analyzeVocabulary([split('train', ['a'])], { ...ofFiveRows, keepTokenIds: [7] }),
    vocabularyError('TOKENIZER_TOO_LARGE', "Token id 7 has no row: the model's embedding matrix has 5 rows"),
  );
});

test('analyzeVocabulary tells its progress after each block, each id once', async () => {
  const reports: AnalysisProgress[] = [];
  // Blocks of 8192 records, of which the last 808 are of another word.
  const texts = Array.from({ length: 17_000 }, (_, row) => (row < 16_192 ? 'a' : 'b'));
  await analyzeVocabulary([split('train', texts), split('test', ['a', 'c'])], {
    ...options,
    onProgress: (progress) => void reports.push(progress),
  });
  assert.deepEqual(reports, [
    { recordCount: 8192, tokenCount: 24576, distinctTokenCount: 3 },
    { recordCount: 16384, tokenCount: 49152, distinctTokenCount: 4 },
    { recordCount: 17000, tokenCount: 51000, distinctTokenCount: 4 },
    { recordCount: 17002, tokenCount: 51006, distinctTokenCount: 5 },
  ]);
});

test('analyzeVocabulary lets timers run between blocks and stops when one tells it to', async () => {
  const controller = new AbortController();
  const reason = new Error('told to stop');
  let read = 0;
  const counting = async function* (): AsyncGenerator<AnalyzedRecord> {
    for (; ; read++) yield { text: 'a' };
  };
  const timer = setTimeout(() => {
    controller.abort(reason);
  }, 20);
  await assert.rejects(
    analyzeVocabulary([{ split: 'train', records: counting(), skippedRecordCount: () => 0 }], {
      ...options,
      signal: controller.signal,
    }),
    (error) => error === reason,
  );
  clearTimeout(timer);
  assert.ok(read % 8192 === 8191, `${read} records: it stopped inside of a block`);

  read = 0;
  const told = new AbortController();
  await assert.rejects(
    analyzeVocabulary([{ split: 'train', records: counting(), skippedRecordCount: () => 0 }], {
      ...options,
      signal: told.signal,
      onProgress: () => {
        told.abort(reason);
      },
    }),
    (error) => error === reason,
  );
  assert.equal(read, 8191);
});

test('analyzeVocabulary passes on why records could not be read', async () => {
  const failure = new Error('the file is damaged');
  const failing = async function* (): AsyncGenerator<AnalyzedRecord> {
    yield { text: 'a' };
    throw failure;
  };
  await assert.rejects(
    analyzeVocabulary([{ split: 'train', records: failing(), skippedRecordCount: () => 0 }], options),
    (error) => error === failure,
  );
});

const cache = new URL('../../../.cache/', import.meta.url);
const amazon = new URL('data/sentiment/amazon.json', cache);
const tokenizerJson = new URL('models/all-MiniLM-L6-v2/tokenizer.json', cache);
const isSetUp = existsSync(amazon) && existsSync(tokenizerJson);

test(
  'analyzeVocabulary finds in the text of amazon.json what transformers and tokenizers found',
  { skip: isSetUp ? false : 'the model or the data is not set up' },
  async () => {
    const bytes = readFileSync(amazon);
    const source = {
      name: 'amazon.json',
      sizeBytes: bytes.length,
      read: async (offset: number, target: Uint8Array) => target.set(bytes.subarray(offset, offset + target.length)),
    };
    const miniLm = Tokenizer.fromJson(readFileSync(tokenizerJson), { fileName: 'tokenizer.json' });
    for (const maxSequenceLength of [128, 16]) {
      let skippedCount = 0;
      const records = readRecords(source, { labelColumn: 'class', skipInvalid: true, onSkip: () => skippedCount++ });
      const profile = await analyzeVocabulary([{ split: 'train', records, skippedRecordCount: () => skippedCount }], {
        ...options,
        tokenizer: miniLm,
        modelVocabSize: 30522,
        hiddenSize: 384,
        maxSequenceLength,
      });
      const [train] = profile.splits;
      assert.deepEqual([train?.recordCount, train?.skippedRecordCount], [1000, 1]);
      if (maxSequenceLength === 16) {
        // numpy over the reference's ids: 367 rows are longer; cut to [CLS], 14 tokens, [SEP].
        assert.deepEqual(
          [train?.truncatedRecordCount, train?.tokenCount, train?.distinctTokenCount],
          [367, 12121, 1702],
        );
        continue;
      }
      assert.deepEqual(
        [profile.keptTokenIds.length, profile.keptTokenIdsDigest],
        [2002, 'sha256:8ee80cdc3ed8766af8f6559ba37e92b52cec449a8f7fc59dadfa63fb2b5031b4'],
      );
      const counts = new Map<number, number>();
      for (const id of amazonTokenIds().flat()) counts.set(id, (counts.get(id) ?? 0) + 1);
      assert.deepEqual(
        [...totalCounts(profile).entries()],
        [...counts].sort(([a], [b]) => a - b),
      );
      assert.deepEqual(train?.tokensPerRecord, { p50: 13, p90: 27, p99: 37, max: 44 });
    }
  },
);

for (const { name, rows } of MODELS) {
  test(
    `analyzeVocabulary of ${name} counts blocks as encode counts records: cut, in pairs, with rows left out`,
    { skip: skipWithout(name) },
    async () => {
      const realTokenizer = openTokenizer(name);
      const amazon = await readSentences('amazon.json');
      const imdb = await readSentences('imdb.json');
      assert.ok(amazon.skippedCount > 0);
      // Every third record is a pair: its own text and the next one's.
      const paired = imdb.records.map(({ text }, index) =>
        index % 3 === 0 ? { text, textPair: imdb.records[index + 1]?.text ?? '' } : { text },
      );
      const splits = [
        { split: 'train' as const, ...amazon },
        { split: 'validation' as const, records: paired, skippedCount: imdb.skippedCount },
        { split: 'test' as const, records: [{ text: '' }, { text: '', textPair: '' }], skippedCount: 7 },
      ];
      for (const [maxSequenceLength, memoBytes] of [
        [128, 4096],
        [16, 1 << 20],
        [9, undefined],
      ] as const) {
        const profile = await analyzeVocabulary(
          splits.map(({ split: splitName, records, skippedCount }) => ({
            split: splitName,
            records: streamOf(records),
            skippedRecordCount: () => skippedCount,
          })),
          {
            ...options,
            tokenizer: realTokenizer,
            modelVocabSize: rows,
            maxSequenceLength,
            ...(memoBytes === undefined ? {} : { memoBytes }),
          },
        );
        const expected = splitsRecordByRecord(splits, realTokenizer, maxSequenceLength);
        assert.deepEqual(profile.splits, expected);
        assert.equal(expected[0]?.truncatedRecordCount === 0, maxSequenceLength === 128);
        assert.ok((expected[1]?.addedTokenCount ?? 0) > 100);
      }
    },
  );
}
