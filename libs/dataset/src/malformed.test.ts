import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, bytesOf, collect, gzip, MemorySource, recordsOf } from '../test/memory.ts';
import { DatasetError } from './error.ts';
import { MAX_COLUMN_COUNT, MAX_JSON_DEPTH, MAX_RECORD_BYTES } from './limits.ts';
import { readRecords } from './records.ts';
import type { DatasetSource } from './source.ts';

const labelled = { labelColumn: 'label' } as const;

test('readRecords refuses a name whose extension says nothing', async () => {
  await assertFails(
    'data',
    'x',
    'UNKNOWN_FORMAT',
    /^data: extension "" names no format; known are jsonl, ndjson, json/,
  );
  await assertFails('data.xlsx', 'x', 'UNKNOWN_FORMAT', /extension "xlsx"/);
  assert.equal((await recordsOf('data', 'x', { format: 'text' })).length, 1);
});

test('readRecords refuses files that hold no records', async () => {
  const contents = {
    'a.jsonl': ['', '\n \n'],
    'a.json': ['[]', ' [ ] \n'],
    'a.csv': ['', 'text,label\n'],
    'a.txt': ['', '\ufeff'],
  };
  for (const [name, texts] of Object.entries(contents))
    for (const content of texts) await assertFails(name, content, 'EMPTY', `${name}: holds no records`);
  await assertFails('a.jsonl.gz', await gzip(''), 'EMPTY', 'a.jsonl.gz: holds no records');
});

test('readRecords refuses bytes that are no UTF-8 with their offset', async () => {
  const good = '{"text": "é"}\n';
  const invalid = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]];
  for (const sequence of invalid) {
    const content = bytesOf(good, '{"text": "a', sequence, '"}\n', good);
    // "é" takes two bytes: 15 of the first line and 11 of the second come before.
    await assertFails('a.jsonl', content, 'INVALID_UTF8', 'a.jsonl: byte 26 is not valid UTF-8');
  }
  await assertFails('a.csv', bytesOf('text\nab', [0xe9], 'c\n'), 'INVALID_UTF8', 'a.csv: byte 7 is not valid UTF-8');
  await assertFails(
    'a.txt',
    bytesOf([0xef, 0xbb, 0xbf], 'a', [0x80]),
    'INVALID_UTF8',
    'a.txt: byte 4 is not valid UTF-8',
  );
  await assertFails(
    'a.json',
    bytesOf('[{"text":"', [0xff], '"}]'),
    'INVALID_UTF8',
    'a.json: byte 10 is not valid UTF-8',
  );
  const utf16 = bytesOf([0xff, 0xfe, 0x61, 0x00, 0x0a, 0x00]);
  await assertFails('a.txt', utf16, 'INVALID_UTF8', 'a.txt: byte 0 is not valid UTF-8');
});

test('readRecords refuses a JSON array that is cut off, wherever', async () => {
  const content = '[{"text": "one", "n": [1, "]"]}, {"text": "two"}, {"text": "three"}]';
  const ends = [content.indexOf(', {') + 1, content.lastIndexOf(', {') + 1];
  for (let length = 1; length < content.length; length++) {
    const whole = ends.filter((end) => end <= length).length;
    await assertFails(
      'a.json',
      content.slice(0, length),
      'MALFORMED',
      `a.json: the JSON array is cut off after ${whole} whole ${whole === 1 ? 'element' : 'elements'}`,
    );
  }
});

test('readRecords refuses JSON that is not an array of objects', async () => {
  await assertFails(
    'a.json',
    '{"text": "a"}',
    'MALFORMED',
    /is not a JSON array of objects \(for one object a line use the jsonl/,
  );
  await assertFails('a.json', 'x', 'MALFORMED', /is not a JSON array/);
  await assertFails('a.json', '[{"text": "a"}] [', 'MALFORMED', 'a.json: something follows the JSON array');
  await assertFails('a.json', '[{"text": "a"}]]', 'MALFORMED', 'a.json: something follows the JSON array');
  for (const content of ['[,]', '[{"text": "a"},]', '[{"text": "a"},,{}]', '[{"text": a}]'])
    await assertFails('a.json', content, 'MALFORMED', /element \d at byte \d+ is not valid JSON: /);
  for (const content of ['[}', '[1}', '[{"text": "a"}}', '[{"text": "a"]}'])
    await assertFails('a.json', content, 'MALFORMED', 'a.json: the JSON array is closed with "}"');
  await assertFails('a.json', '[1]', 'INVALID_TEXT', 'a.json: row 1 is 1, expected an object');
  await assertFails('a.json', '[null]', 'INVALID_TEXT', 'a.json: row 1 is null, expected an object');
  await assertFails('a.json', '[["text"]]', 'INVALID_TEXT', 'a.json: row 1 is a list of 1, expected an object');
});

test('readRecords refuses nesting past the limit and shows no nested value whole', async () => {
  const deep = `[${'['.repeat(MAX_JSON_DEPTH)}`;
  await assertFails('a.json', deep, 'MALFORMED', `a.json: JSON is nested deeper than the limit of ${MAX_JSON_DEPTH}`);
  const nested = `{"text": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  await assertFails('a.jsonl', nested, 'INVALID_TEXT', 'a.jsonl: row 1: "text" is a list of 1, expected a string');
});

test('readRecords refuses a line that is not JSON with its number and offset', async () => {
  await assertFails(
    'a.jsonl',
    '{"text": "a"}\n\n{"text": "b"',
    'MALFORMED',
    /^a.jsonl: line 3 at byte 15 is not valid JSON: /,
  );
  await assertFails('a.jsonl', '{"text": "a"} {"text": "b"}\n', 'MALFORMED', /line 1 at byte 0/);
  await assertFails('a.jsonl', '{"text": NaN}\n', 'MALFORMED', /line 1 at byte 0/);
});

test('readRecords refuses texts that are none', async () => {
  for (const [json, shown] of [
    ['5', '5'],
    ['null', 'null'],
    ['true', 'true'],
    ['["a"]', 'a list of 1'],
    ['{"a": 1}', 'an object'],
  ] as const)
    await assertFails(
      'a.jsonl',
      `{"text": ${json}}`,
      'INVALID_TEXT',
      `a.jsonl: row 1: "text" is ${shown}, expected a string`,
    );
  await assertFails('a.jsonl', '"text"', 'INVALID_TEXT', 'a.jsonl: row 1 is "text", expected an object');
});

test('readRecords refuses labels that are missing or nested', async () => {
  const file = (label: string): string => `{"text": "a", "label": 1}\n{"text": "b", "label": ${label}}\n`;
  const hint = '(such rows can be left out with --skip-invalid)';
  await assertFails('a.jsonl', file('null'), 'MISSING_LABEL', `a.jsonl: row 2: "label" is null ${hint}`, labelled);
  await assertFails('a.jsonl', file('""'), 'MISSING_LABEL', `a.jsonl: row 2: "label" is empty ${hint}`, labelled);
  await assertFails('a.csv', 'text,label\nb,\n', 'MISSING_LABEL', `a.csv: row 1: "label" is empty ${hint}`, labelled);
  await assertFails(
    'a.jsonl',
    file('[1]'),
    'INVALID_LABEL',
    'a.jsonl: row 2: "label" is a list of 1, expected a number or a name',
    labelled,
  );
  await assertFails('a.jsonl', file('{}'), 'INVALID_LABEL', /"label" is an object/, { ...labelled, skipInvalid: true });
});

test('readRecords names the columns there are when one is missing', async () => {
  await assertFails(
    'a.csv',
    'review,label\na,1\n',
    'MISSING_COLUMN',
    'a.csv: row 1 has no column "text"; it has "review", "label"',
  );
  await assertFails(
    'a.csv',
    'text;label\na;1\n',
    'MISSING_COLUMN',
    'a.csv: row 1 has no column "text"; it has "text;label"',
  );
  await assertFails(
    'a.jsonl',
    '{"toString": "a"}',
    'MISSING_COLUMN',
    /has no column "hasOwnProperty"; it has "toString"/,
    {
      textColumn: 'hasOwnProperty',
    },
  );
  const wide = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`c${index}`, '']));
  await assertFails('a.jsonl', JSON.stringify(wide), 'MISSING_COLUMN', /"c19" and 30 more$/);
});

test('readRecords refuses tables that do not hold together', async () => {
  await assertFails(
    'a.csv',
    'text,text\na,b\n',
    'MALFORMED',
    'a.csv: column "text" is there twice; there are "text", "text"',
  );
  await assertFails(
    'a.csv',
    'text,label\na,1\nb\n',
    'MALFORMED',
    'a.csv: row 2 has 1 fields, the header has 2: "text", "label"',
  );
  await assertFails('a.csv', 'text,label\na,1,2\n', 'MALFORMED', /row 1 has 3 fields, the header has 2/);
  await assertFails('a.csv', 'text,label\n"a,1\nb,2\n', 'MALFORMED', /in the rows after row 0: .*Quote/);
  await assertFails('a.csv', 'text,label\na "b" c,1\n', 'MALFORMED', /in the rows after row 0: .*[Qq]uote/);
  const wide = Array.from({ length: MAX_COLUMN_COUNT + 1 }, (_, index) => `c${index}`).join(',');
  await assertFails(
    'a.csv',
    `${wide}\n`,
    'TOO_LARGE',
    `a.csv: ${MAX_COLUMN_COUNT + 1} columns are over the limit of ${MAX_COLUMN_COUNT}`,
  );
});

test('readRecords refuses a record over the limit before it holds the whole of it', async () => {
  const endless = (name: string): DatasetSource & { readBytes: number } => ({
    name,
    sizeBytes: 1e12,
    readBytes: 0,
    async read(_offset, target) {
      this.readBytes += target.length;
      target.fill(0x22); // An even number of quotes a chunk: no row ends, no string stays open.
    },
  });
  for (const name of ['a.jsonl', 'a.txt', 'a.csv']) {
    const source = endless(name);
    await assert.rejects(
      collect(readRecords(source)),
      (error) =>
        error instanceof DatasetError &&
        error.code === 'TOO_LARGE' &&
        error.message === `${name}: the record at byte 0 is over the limit of ${MAX_RECORD_BYTES} bytes`,
    );
    assert.ok(source.readBytes <= MAX_RECORD_BYTES + 2 * 1024 * 1024);
  }
});

test('readRecords refuses gzip that is none, cut off, or damaged', async () => {
  const whole = await gzip('{"text": "a"}\n'.repeat(1000));
  const damaged = whole.slice();
  damaged.set([(whole.at(-6) ?? 0) ^ 1], whole.length - 6);
  for (const content of ['{"text": "a"}', whole.subarray(0, -4), damaged, bytesOf(whole, 'more')])
    await assertFails('a.jsonl.gz', content, 'MALFORMED', /^a.jsonl.gz: cannot be decompressed as gzip: ./);
});

test('readRecords passes on why a file could not be read', async () => {
  for (const name of ['a.jsonl', 'a.jsonl.gz']) {
    const failure = new Error('the disk is gone');
    const source = { name, sizeBytes: 10, read: () => Promise.reject(failure) };
    await assert.rejects(collect(readRecords(source)), (error) => error === failure);
  }
});

test('readRecords refuses Parquet files that are damaged anywhere, with a DatasetError', async () => {
  const whole = readFileSync(new URL('../fixtures/rows-snappy.parquet', import.meta.url));
  await assertFails('a.parquet', 'not parquet', 'MALFORMED', /^a.parquet: is not a readable Parquet file: ./);
  await assertFails('a.parquet', '', 'MALFORMED', /is not a readable Parquet file/);
  for (let length = 0; length < whole.length; length += 97)
    await assertFails('a.parquet', whole.subarray(0, length), 'MALFORMED', /is not a readable Parquet file/);
  let failures = 0;
  for (let position = 0; position < whole.length; position += 3) {
    const damaged = Uint8Array.from(whole);
    damaged[position] = (damaged[position] ?? 0) ^ 0xff;
    try {
      await recordsOf('a.parquet', damaged, labelled);
    } catch (error) {
      assert.ok(error instanceof DatasetError, `byte ${position}: ${String(error)}`);
      failures++;
    }
  }
  assert.ok(failures > 100);
});

test('readRecords never fails with anything but a DatasetError, whatever the bytes', async () => {
  let state = 12345;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
  const tokens = ['[', ']', '{', '}', '"', ',', ':', '\\', '\n', '\r', 'text', '"text":"a"', ' ', 'é', 'null', '1'];
  for (let round = 0; round < 2000; round++) {
    const content = Array.from({ length: random(20) }, () => tokens[random(tokens.length)] ?? '').join('');
    for (const name of ['a.json', 'a.jsonl', 'a.csv', 'a.tsv', 'a.txt']) {
      try {
        for await (const record of readRecords(new MemorySource(name, content), labelled))
          assert.equal(typeof record.text, 'string');
      } catch (error) {
        assert.ok(error instanceof DatasetError, `${name} ${JSON.stringify(content)}: ${String(error)}`);
      }
    }
  }
});
