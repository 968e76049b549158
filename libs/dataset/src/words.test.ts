import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, recordsOf } from '../test/memory.ts';
import type { DatasetError } from './error.ts';
import { LabelVocabulary } from './label-vocabulary.ts';
import { RecordParser } from './record-parser.ts';

const WORDS = { recordKind: 'words' } as const;
const TAGGED = { ...WORDS, labelColumn: 'ner_tags' } as const;
const lines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

test('readRecords reads words and their tags out of lists, by the column names of Hugging Face', async () => {
  const content = lines(
    { tokens: ['EU', 'rejects'], ner_tags: [3, 0], id: '0' },
    { tokens: ['Peter'], ner_tags: ['B-PER'] },
  );
  const expected = [
    { index: 0, row: 1, text: '', words: ['EU', 'rejects'], tags: [3, 0] },
    { index: 1, row: 2, text: '', words: ['Peter'], tags: ['B-PER'] },
  ];
  assert.deepEqual(await recordsOf('data.jsonl', content, TAGGED), expected);
  const array = `[${content.trim().replace('\n', ',')}]`;
  assert.deepEqual(await recordsOf('data.json', array, TAGGED), expected);
  const untagged = expected.map(({ tags: _, ...record }) => record);
  assert.deepEqual(await recordsOf('data.jsonl', content, WORDS), untagged);
});

test('readRecords reads lists out of Parquet, numbers of 64 bits among them', async () => {
  const content = readFileSync(new URL('../fixtures/words.parquet', import.meta.url));
  // What tools/oracles/src/dataset/make_fixtures.py put in.
  const words = [['EU', 'rejects', 'naïve'], ['Peter'], ['日本', '😀']];
  const tagsOf = { ner_tags: [[3, 0, 7], [1], [5, 0]], names: [['B-ORG', 'O', 'O'], ['B-PER'], ['B-LOC', 'O']] };
  for (const labelColumn of ['ner_tags', 'names'] as const) {
    assert.deepEqual(
      await recordsOf('data.parquet', content, { ...WORDS, labelColumn }),
      words.map((record, index) => ({
        index,
        row: index + 1,
        text: '',
        words: record,
        tags: tagsOf[labelColumn][index],
      })),
    );
  }
});

test('readRecords refuses words and tags that do not fit, with row, value and what is expected', async () => {
  const one = (tokens: unknown, tags: unknown): string =>
    lines({ tokens: ['a'], ner_tags: [0] }, { tokens, ner_tags: tags });
  const fails = (content: string, code: DatasetError['code'], message: string): Promise<void> =>
    assertFails('d.jsonl', content, code, `d.jsonl: row 2: ${message}`, TAGGED);
  await fails(one(['a', 'b'], [0]), 'INVALID_LABEL', '"ner_tags" has 1 tags, "tokens" has 2 words');
  await fails(
    one('a b', [0]),
    'INVALID_TEXT',
    '"tokens" is "a b", expected a list of strings, as JSON, JSONL and Parquet have them',
  );
  await fails(one([], []), 'INVALID_TEXT', '"tokens" is an empty list, expected at least one word');
  await fails(one(['a', 5], [0, 0]), 'INVALID_TEXT', 'word 2 of 2 in "tokens" is 5, expected a string');
  await fails(
    one(['a', 'b'], ['O', null]),
    'INVALID_LABEL',
    'tag 2 of 2 in "ner_tags" is null, expected a number or a name',
  );
  await fails(one(['a'], 'O'), 'INVALID_LABEL', '"ner_tags" is "O", expected a list of numbers or names');
  await fails(one(['a'], null), 'MISSING_LABEL', '"ner_tags" is null (such rows can be left out with --skip-invalid)');
});

test('readRecords leaves out records without words or tags where it is asked to', async () => {
  const content = lines(
    { tokens: [], ner_tags: [] },
    { tokens: ['a'], ner_tags: null },
    { tokens: ['b'], ner_tags: [1] },
  );
  const records = await recordsOf('d.jsonl', content, { ...TAGGED, skipInvalid: true });
  assert.deepEqual(
    records.map(({ row }) => row),
    [3],
  );
});

test('RecordParser refuses a text file where words are wanted', () => {
  assert.throws(() => new RecordParser('d.txt', { ...WORDS, format: 'text' }), {
    code: 'UNKNOWN_FORMAT',
    message: 'd.txt: a text file has no lists of words; jsonl, json and parquet have',
  });
});

test('LabelVocabulary resolves tags, and takes no new ones once it is closed', () => {
  const record = (row: number, ...tags: (number | string)[]): Parameters<LabelVocabulary['resolveTags']>[0] => ({
    index: row - 1,
    row,
    text: '',
    words: tags.map(String),
    tags,
  });
  const labels = new LabelVocabulary({ task: 'classification' });
  assert.deepEqual(labels.resolveTags(record(1, 'O', 'B-PER', 'O'), 'train'), [0, 1, 0]);
  labels.close();
  assert.deepEqual(labels.resolveTags(record(1, 'B-PER'), 'dev'), [1]);
  assert.throws(() => labels.resolveTags(record(4, 'O', 'B-LOC'), 'dev'), {
    code: 'INVALID_LABEL',
    message: 'dev: row 4, word 2: tag "B-LOC" is none of the 2 labels: "O", "B-PER"',
  });
  const numbers = new LabelVocabulary({ task: 'classification' });
  numbers.resolveTags(record(1, 0, 3), 'train');
  numbers.close();
  assert.throws(() => numbers.resolveTags(record(2, 4), 'dev'), {
    code: 'INVALID_LABEL',
    message: 'dev: row 2, word 1: tag 4 is out of range, expected an integer from 0 to 3',
  });
});
