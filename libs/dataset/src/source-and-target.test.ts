import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, recordsOf } from '../test/memory.ts';
import { RecordParser } from './record-parser.ts';

const PAIRS = { recordKind: 'source-and-target' } as const;
const lines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

test('readRecords reads sources behind their prefix, and targets, out of every format with columns', async () => {
  const expected = [
    { index: 0, row: 1, text: 'shorten: A long one', target: 'one' },
    { index: 1, row: 2, text: 'shorten: ', target: '' },
  ];
  const options = { ...PAIRS, textColumn: 'article', targetColumn: 'summary', sourcePrefix: 'shorten: ' };
  const content = lines({ article: 'A long one', summary: 'one', label: null }, { article: '', summary: '' });
  assert.deepEqual(await recordsOf('d.jsonl', content, options), expected);
  assert.deepEqual(await recordsOf('d.json', `[${content.trim().replace('\n', ',')}]`, options), expected);
  assert.deepEqual(await recordsOf('d.csv', 'summary,article\none,A long one\n"",""\n', options), expected);
  assert.deepEqual(await recordsOf('d.tsv', 'article\tsummary\nA long one\tone\n""\t""\n', options), expected);
  const defaults = await recordsOf('d.jsonl', lines({ text: 'a', target: 'b' }), PAIRS);
  assert.deepEqual(defaults, [{ index: 0, row: 1, text: 'a', target: 'b' }]);
});

test('readRecords finds columns inside of objects, as data sets of translations have them', async () => {
  const rows = lines(
    { translation: { en: 'house', de: 'Haus' } },
    { 'translation.en': 'own', translation: { de: 'eigen' } },
  );
  const options = { ...PAIRS, textColumn: 'translation.en', targetColumn: 'translation.de' };
  const records = await recordsOf('d.jsonl', rows, options);
  assert.deepEqual(
    records.map(({ text, target }) => [text, target]),
    [
      ['house', 'Haus'],
      ['own', 'eigen'],
    ],
  );
  await assertFails(
    'd.jsonl',
    rows,
    'MISSING_COLUMN',
    'd.jsonl: row 1 has no column "translation.fr"; it has "translation"',
    {
      ...options,
      targetColumn: 'translation.fr',
    },
  );
});

test('readRecords refuses a target that is no text, or leaves its record out', async () => {
  const content = lines(
    { text: 'a', target: 'b' },
    { text: 'c', target: null },
    { text: 'd' },
    { text: 'e', target: 'f' },
  );
  await assertFails('d.jsonl', content, 'INVALID_TEXT', 'd.jsonl: row 2: "target" is null, expected a string', PAIRS);
  const skipped: number[] = [];
  const records = await recordsOf('d.jsonl', content, {
    ...PAIRS,
    skipInvalid: true,
    onSkip: (row) => skipped.push(row),
  });
  assert.deepEqual(
    records.map(({ row, target }) => [row, target]),
    [
      [1, 'b'],
      [4, 'f'],
    ],
  );
  assert.deepEqual(skipped, [2, 3]);
});

test('readRecords reads sources without their targets where these need not be there', async () => {
  const content = lines({ text: 'a', target: 'b' }, { text: 'c', target: null }, { text: 'd' });
  const options = { ...PAIRS, needsTarget: false };
  assert.deepEqual(
    (await recordsOf('d.jsonl', content, options)).map(({ text, target }) => [text, target]),
    [
      ['a', 'b'],
      ['c', undefined],
      ['d', undefined],
    ],
  );
  const texts = async (name: string, from: string): Promise<string[]> =>
    (await recordsOf(name, from, { ...options, sourcePrefix: '> ' })).map(({ text }) => text);
  assert.deepEqual(await texts('d.csv', 'text\na\nb\n'), ['> a', '> b']);
  // A column that is named has to be there, and its values are texts.
  const named = { ...options, targetColumn: 'target' };
  await assertFails(
    'd.jsonl',
    content,
    'MISSING_COLUMN',
    'd.jsonl: row 3 has no column "target"; it has "text"',
    named,
  );
  await assertFails(
    'd.jsonl',
    lines({ text: 'a', target: 7 }),
    'INVALID_TEXT',
    'd.jsonl: row 1: "target" is 7, expected a string',
    options,
  );
  assert.throws(() => new RecordParser('d.txt', { ...options, format: 'text' }), /a text file has no targets/);
});

test('readRecords reads the sources of a Parquet file without targets', async () => {
  const content = readFileSync(new URL('../fixtures/rows-none.parquet', import.meta.url));
  const records = await recordsOf('d.parquet', content, { ...PAIRS, needsTarget: false });
  assert.deepEqual([records.length, records[0]?.text, records[0]?.target], [5, 'a plain text', undefined]);
  await assertFails('d.parquet', content, 'MISSING_COLUMN', /has no column "target"/, PAIRS);
});

test('RecordParser refuses targets of a text file', () => {
  assert.throws(
    () => new RecordParser('d.txt', { ...PAIRS, format: 'text' }),
    /d\.txt: a text file has no targets; all other formats have columns/,
  );
});
