import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, gzip, MemorySource, recordsOf } from '../test/memory.ts';
import { formatOf } from './record-format.ts';
import { readRecords } from './records.ts';

const labelled = { labelColumn: 'label' } as const;

test('readRecords reads JSONL with blank lines, CRLF, a byte order mark and no last line feed', async () => {
  const content =
    '\ufeff{"text": "a", "label": 1}\r\n\r\n  \n{"label": 0.5, "text": "b\\nc", "other": [1]}\n{"text":"","label":"x"}';
  assert.deepEqual(await recordsOf('data.jsonl', content, labelled), [
    { index: 0, row: 1, text: 'a', label: 1 },
    { index: 1, row: 4, text: 'b\nc', label: 0.5 },
    { index: 2, row: 5, text: '', label: 'x' },
  ]);
});

test('readRecords reads one JSON array, whatever its white space, nesting and strings', async () => {
  const rows = [
    { text: 'brackets ] } , [ {', label: 1 },
    { text: 'quote " backslash \\ end \\"', label: 0, more: { deep: [[1, 2], { a: ']' }] } },
    { text: '日本語 😀 \u2028', label: true },
  ];
  const expected = rows.map(({ text, label }, index) => ({ index, row: index + 1, text, label: Number(label) }));
  for (const content of [
    JSON.stringify(rows),
    JSON.stringify(rows, null, 2),
    `\ufeff \r\n\t${JSON.stringify(rows)}\n \t`,
    `[${rows.map((row) => `\n${JSON.stringify(row)} `).join(' , ')}\n]\n`,
  ])
    assert.deepEqual(await recordsOf('data.json', content, labelled), expected);
});

test('readRecords reads a JSON array whose elements cross the borders of what is read at a time', async () => {
  const rows = Array.from({ length: 30_000 }, (_, index) => ({
    text: `é${'"\\][😀'.repeat(index % 17)}`,
    label: index,
  }));
  const content = `[${rows.map((row) => JSON.stringify(row)).join(',')}]`;
  assert.ok(content.length > 2 * 1024 * 1024);
  for (const [name, bytes] of [
    ['data.json', content],
    ['data.json.gz', await gzip(content)],
  ] as const)
    assert.deepEqual(
      (await recordsOf(name, bytes, labelled)).map(({ text, label }) => ({ text, label })),
      rows,
    );
});

test('readRecords takes each line of plain text as a record, blank ones too', async () => {
  assert.deepEqual(
    (await recordsOf('data.txt', 'one\r\n\n three \nfour')).map(({ text, row }) => [text, row]),
    [
      ['one', 1],
      ['', 2],
      [' three ', 3],
      ['four', 4],
    ],
  );
  assert.equal((await recordsOf('data.txt', 'one\n')).length, 1);
});

test('readRecords reads tables as the csv module of Python does', async () => {
  const path = new URL('../fixtures/tables.json', import.meta.url);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as {
    delimiter: string;
    text: string;
    rows: Record<string, string>[];
  }[];
  assert.ok(cases.length > 60);
  for (const { delimiter, text, rows } of cases) {
    const [, labelColumn = ''] = Object.keys(rows[0] ?? {}).toSorted((a) => (a === 'text' ? -1 : 1));
    const records = await recordsOf(delimiter === ',' ? 'data.csv' : 'data.tsv', text, { labelColumn });
    assert.deepEqual(
      records.map((record) => [record.text, record.label]),
      rows.map((row) => [row['text'], row[labelColumn]]),
      JSON.stringify(text),
    );
  }
});

test('readRecords reads tables of many blocks with quoted line feeds at every place', async () => {
  const rows = Array.from({ length: 40_000 }, (_, index) => `row ${index}${'\n"x",'.repeat(index % 9)}`);
  const content = `text\n${rows.map((text) => `"${text.replaceAll('"', '""')}"\n`).join('')}`;
  assert.ok(content.length > 4 * 256 * 1024);
  const records = await recordsOf('data.csv', content);
  assert.deepEqual(
    records.map(({ text }) => text),
    rows,
  );
  assert.deepEqual(records.at(-1), { index: 39_999, row: 40_000, text: rows.at(-1) });
});

test('readRecords reads text pairs and columns of other names', async () => {
  const options = { textColumn: 'sentence1', textPairColumn: 'sentence2', labelColumn: 'class' };
  const expected = { index: 0, row: 1, text: 'a', textPair: 'b' };
  assert.deepEqual(await recordsOf('d.csv', 'sentence1,sentence2,class\na,b,yes\n', options), [
    { ...expected, label: 'yes' },
  ]);
  assert.deepEqual(await recordsOf('d.jsonl', '{"sentence1":"a","sentence2":"b","class":3}', options), [
    { ...expected, label: 3 },
  ]);
});

test('readRecords decompresses by the name and leaves the format to the rest of it', async () => {
  const content = '{"text": "zipped"}\n'.repeat(100_000);
  const source = new MemorySource('data.jsonl.gz', await gzip(content));
  let bytesRead = 0;
  let count = 0;
  for await (const { text } of readRecords(source, { onRead: (bytes) => (bytesRead = bytes) })) {
    assert.equal(text, 'zipped');
    count++;
  }
  assert.equal(count, 100_000);
  assert.equal(bytesRead, source.sizeBytes);
  assert.equal(formatOf('A.JSONL.GZ'), 'jsonl');
});

test('readRecords keeps a byte order mark out of the first record and in all others', async () => {
  assert.deepEqual(
    (await recordsOf('data.txt', '\ufeffa\n\ufeffb')).map(({ text }) => text),
    ['a', '\ufeffb'],
  );
  assert.equal((await recordsOf('data.csv', '\ufefftext\na\n'))[0]?.text, 'a');
  assert.equal((await recordsOf('data.csv', '\ufeff"text"\na\n'))[0]?.text, 'a');
});

test('readRecords passes a text of 50 MB in every format', async () => {
  const text = 'word '.repeat(10_000_000);
  for (const [name, content] of [
    ['data.jsonl', `{"text": "${text}"}\n`],
    ['data.json', `[{"text": "${text}"}]`],
    ['data.csv', `text\n"${text}"\n`],
    ['data.txt', `${text}\n`],
  ] as const) {
    const [record] = await recordsOf(name, content);
    assert.equal(record?.text.length, text.length, name);
    assert.ok(record.text === text, name);
  }
});

test('readRecords reads no further than its consumer', async () => {
  for (const name of ['data.jsonl', 'data.txt', 'data.json', 'data.csv']) {
    const line = '{"text": "abcdefghijklmnopqrstuvwxyz"},\n';
    const start = name === 'data.json' ? '[' : name === 'data.csv' ? 'text\n' : '';
    const body = name === 'data.jsonl' ? line.replace(',', '') : name === 'data.csv' ? 'some text\n' : line;
    const source = new MemorySource(name, start + body.repeat(500_000));
    for await (const { index } of readRecords(source)) if (index === 10) break;
    assert.ok(source.readBytes <= 2 * 1024 * 1024, `${name}: ${source.readBytes} bytes read for 11 records`);
  }
});

test('readRecords tells the bytes read, never falling, up to the size of the file', async () => {
  const source = new MemorySource('data.txt', 'words and more\n'.repeat(250_000));
  const reported: number[] = [];
  for await (const _ of readRecords(source, { onRead: (bytes) => reported.push(bytes) }));
  assert.ok(reported.length > 2);
  assert.deepEqual(
    reported,
    reported.toSorted((a, b) => a - b),
  );
  assert.equal(reported.at(-1), source.sizeBytes);
});

test('readRecords with skipInvalid leaves rows out, tells which, and counts on', async () => {
  const skipped: number[] = [];
  const content = [
    '{"text": "a", "label": 1}',
    'null',
    '{"text": null, "label": 1}',
    '{"text": "b", "label": null}',
    '{"text": "c"}',
    '{"text": 5, "label": 1}',
    '{"text": "d", "label": 0}',
  ];
  const options = { ...labelled, skipInvalid: true, onSkip: (row: number) => skipped.push(row) };
  const expected = [
    { index: 0, row: 1, text: 'a', label: 1 },
    { index: 1, row: 7, text: 'd', label: 0 },
  ];
  assert.deepEqual(await recordsOf('data.jsonl', content.join('\n'), options), expected);
  assert.deepEqual(skipped, [2, 3, 4, 5, 6]);
  assert.deepEqual(await recordsOf('data.json', `[${content.join(',')}]`, options), expected);
  assert.equal(skipped.length, 10);
  // An empty label in a table is a missing one.
  assert.equal((await recordsOf('data.csv', 'text,label\na,\nb,1\n', options)).length, 1);
});

test('readRecords with skipInvalid still refuses a column that no row has, and a file of nothing else', async () => {
  const options = { labelColumn: 'class', skipInvalid: true };
  await assertFails(
    'data.jsonl',
    '{"text": "a", "label": 1}\n{"text": "b"}',
    'MISSING_COLUMN',
    'data.jsonl: row 1 has no column "class"; it has "text", "label"',
    options,
  );
  await assertFails(
    'data.json',
    '[null, {"text": null, "class": 1}]',
    'EMPTY',
    'data.json: holds no valid records: all 2 rows were left out',
    options,
  );
});

const amazon = new URL('../../../.cache/data/sentiment/amazon.json', import.meta.url);

test(
  'readRecords reads the 1000 sentences of amazon.json and refuses the row after them, whose class is null',
  { skip: existsSync(amazon) ? false : 'amazon.json is not there: run the setup' },
  async () => {
    const content = readFileSync(amazon);
    const options = { labelColumn: 'class' };
    await assertFails(
      'amazon.json',
      content,
      'MISSING_LABEL',
      /^amazon.json: row 1001: "class" is null \(such rows can be left out with --skip-invalid\)$/,
      options,
    );
    const skipped: number[] = [];
    const records = await recordsOf('amazon.json', content, {
      ...options,
      skipInvalid: true,
      onSkip: (row) => skipped.push(row),
    });
    assert.equal(records.length, 1000);
    assert.deepEqual(skipped, [1001]);
    const rows = JSON.parse(new TextDecoder().decode(content)) as { text: string; class: number }[];
    assert.deepEqual(
      records.map(({ text, label }) => [text, label]),
      rows.slice(0, 1000).map((row) => [row.text, row.class]),
    );
  },
);
