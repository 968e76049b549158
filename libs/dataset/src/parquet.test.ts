import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, recordsOf } from '../test/memory.ts';

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

// What tools/oracles/src/dataset/make_fixtures.py put in.
const rows = [
  { text: 'a plain text', pair: 'left', label: 0, score: 0.5, name: 'negative', flag: 0 },
  { text: 'two\nlines, "quoted"', pair: 'right', label: 1, score: -1.25, name: 'positive', flag: 1 },
  { text: '\ufeffBOM, naïve 日本語 😀', pair: '', label: 1, score: 3, name: 'positive', flag: 1 },
  { text: '', pair: 'empty text', label: 0, score: 1e-3, name: 'negative', flag: 0 },
  { text: 'a plain text', pair: 'left', label: 1, score: 2, name: 'positive', flag: 1 },
];

for (const compression of ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4']) {
  test(`readRecords reads what pyarrow wrote with ${compression} compression in three row groups`, async () => {
    const content = fixture(`rows-${compression}.parquet`);
    for (const labelColumn of ['label', 'score', 'name', 'flag'] as const) {
      assert.deepEqual(
        await recordsOf('data.parquet', content, { labelColumn, textPairColumn: 'pair' }),
        rows.map((row, index) => ({
          index,
          row: index + 1,
          text: row.text,
          textPair: row.pair,
          label: row[labelColumn],
        })),
      );
    }
  });
}

test('readRecords reads Parquet pages of version 2 with a page index, and tells the bytes read', async () => {
  const content = fixture('pages.parquet');
  const reported: number[] = [];
  const records = await recordsOf('data.parquet', content, {
    labelColumn: 'label',
    onRead: (bytes) => reported.push(bytes),
  });
  assert.deepEqual(
    records,
    Array.from({ length: 1000 }, (_, index) => ({ index, row: index + 1, text: `text ${index}`, label: index % 2 })),
  );
  assert.deepEqual(
    reported,
    [0.3, 0.6, 0.9, 1].map((share) => Math.round(share * content.length)),
  );
});

test('readRecords refuses nulls in Parquet with their row, or leaves them out', async () => {
  const content = fixture('nulls.parquet');
  await assertFails('data.parquet', content, 'MISSING_LABEL', /^data.parquet: row 3: "label" is (null|undefined)/, {
    labelColumn: 'label',
  });
  await assertFails(
    'data.parquet',
    content,
    'INVALID_TEXT',
    /^data.parquet: row 4: "text" is (null|undefined), expected/,
  );
  const records = await recordsOf('data.parquet', content, { labelColumn: 'label', skipInvalid: true });
  assert.deepEqual(
    records.map(({ row }) => row),
    [1, 2],
  );
});

test('readRecords refuses Parquet files that hold no records or no such column', async () => {
  await assertFails('empty.parquet', fixture('empty.parquet'), 'EMPTY', 'empty.parquet: holds no records');
  await assertFails(
    'rows.parquet',
    fixture('rows-none.parquet'),
    'MISSING_COLUMN',
    'rows.parquet: has no column "class"; there are "text", "pair", "label", "score", "name", "flag"',
    { labelColumn: 'class', skipInvalid: true },
  );
});

test('readRecords refuses texts in Parquet that are no text', async () => {
  await assertFails(
    'nested.parquet',
    fixture('nested.parquet'),
    'INVALID_TEXT',
    /row 1: "text" is a list of 2, expected a string/,
  );
  const integers = fixture('large-integers.parquet');
  await assertFails(
    'n.parquet',
    integers,
    'INVALID_TEXT',
    'n.parquet: row 1: "text" is 1152921504606846976, expected a string',
  );
  await assertFails(
    'invalid-utf8.parquet',
    fixture('invalid-utf8.parquet'),
    'INVALID_UTF8',
    /a text is not valid UTF-8: "caf/,
  );
});
