import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, recordsOf } from '../test/memory.ts';
import { RecordParser } from './record-parser.ts';

const CHATS = { recordKind: 'messages' } as const;
const lines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

test('readRecords reads prompts and completions, and needs no label', async () => {
  const content = lines({ prompt: 'a', completion: 'b', label: null }, { completion: '', prompt: '' });
  assert.deepEqual(await recordsOf('d.jsonl', content, { recordKind: 'prompt-and-completion' }), [
    { index: 0, row: 1, text: '', prompt: 'a', completion: 'b' },
    { index: 1, row: 2, text: '', prompt: '', completion: '' },
  ]);
  const named = { recordKind: 'prompt-and-completion', promptColumn: 'question', completionColumn: 'answer' } as const;
  assert.deepEqual(await recordsOf('d.csv', 'question,answer\nwhy,so\n', named), [
    { index: 0, row: 1, text: '', prompt: 'why', completion: 'so' },
  ]);
  await assertFails('d.jsonl', content, 'MISSING_COLUMN', /row 1 has no column "question"/, named);
  await assertFails(
    'd.jsonl',
    lines({ prompt: [{ role: 'user', content: 'x' }], completion: 'b' }),
    'INVALID_TEXT',
    'd.jsonl: row 1: "prompt" is a list of 1, expected a string',
    { recordKind: 'prompt-and-completion' },
  );
});

test('readRecords reads messages with their other fields, without those that are null', async () => {
  const messages = [
    { role: 'system', content: '', name: null },
    { role: 'user', content: 'x', name: 'me' },
  ];
  assert.deepEqual(await recordsOf('d.json', JSON.stringify([{ messages, label: null }]), CHATS), [
    {
      index: 0,
      row: 1,
      text: '',
      messages: [
        { role: 'system', content: '' },
        { role: 'user', content: 'x', name: 'me' },
      ],
    },
  ]);
});

test('readRecords reads messages out of Parquet lists', async () => {
  const content = readFileSync(new URL('../fixtures/messages.parquet', import.meta.url));
  const records = await recordsOf('d.parquet', content, { ...CHATS, messagesColumn: 'chat' });
  // What tools/oracles/src/dataset/make_fixtures.py put in.
  assert.deepEqual(
    records.map(({ messages }) => messages),
    [
      [
        { role: 'user', content: 'na\u00efve \u65e5\u672c' },
        { role: 'assistant', content: '\u{1f600}', name: 'bot' },
      ],
      [{ role: 'user', content: '' }],
    ],
  );
});

test('readRecords refuses what is no conversation, with row, message, value and what is expected', async () => {
  const fails = (messages: unknown, message: string): Promise<void> =>
    assertFails('d.jsonl', lines({ messages }), 'INVALID_TEXT', `d.jsonl: row 1: ${message}`, CHATS);
  await fails([], '"messages" is an empty list, expected at least one message');
  await fails('hi', '"messages" is "hi", expected a list of messages, as JSON, JSONL and Parquet have them');
  await fails(['hi'], 'message 1 of 1 in "messages" is "hi", expected an object with role and content');
  await fails(
    [
      { role: 'user', content: 'x' },
      { role: 'bot', content: 'y' },
    ],
    'message 2 of 2 in "messages" has the role "bot", expected one of system, developer, user, assistant, tool',
  );
  await fails(
    [{ content: 'x' }],
    'message 1 of 1 in "messages" has the role undefined, expected one of system, developer, user, assistant, tool',
  );
  await fails(
    [{ role: 'user', content: null }],
    'message 1 of 1 in "messages" has the content undefined, expected a string',
  );
  await fails(
    [{ role: 'user', content: [{ type: 'text' }] }],
    'message 1 of 1 in "messages" has the content a list of 1, expected a string',
  );
  const skipped = await recordsOf('d.jsonl', lines({ messages: [] }, { messages: [{ role: 'user', content: 'x' }] }), {
    ...CHATS,
    skipInvalid: true,
  });
  assert.deepEqual(
    skipped.map(({ row }) => row),
    [2],
  );
});

test('RecordParser refuses a text file where messages are wanted', () => {
  assert.throws(() => new RecordParser('d.txt', { ...CHATS, format: 'text' }), {
    code: 'UNKNOWN_FORMAT',
    message: 'd.txt: a text file has no columns; jsonl, json and parquet have',
  });
});
