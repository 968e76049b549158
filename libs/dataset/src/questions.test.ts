import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertFails, recordsOf } from '../test/memory.ts';
import type { DatasetError } from './error.ts';
import { RecordParser } from './record-parser.ts';

const QUESTIONS = { recordKind: 'questions' } as const;
const ANSWERED = { ...QUESTIONS, labelColumn: 'answers' } as const;
const lines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const ROWS = [
  { question: 'Who?', context: '😀 It was Ann.', answers: { text: ['Ann', 'Ann.'], answer_start: [9, 9] } },
  { question: 'Where?', context: 'In 東京, they say.', answers: { text: ['東京'], answer_start: [3] } },
];
// The emoji is one character of Python's.
const RECORDS = [
  {
    ...{ index: 0, row: 1, text: 'Who?', textPair: '😀 It was Ann.' },
    answers: [
      { text: 'Ann', start: 9 },
      { text: 'Ann.', start: 9 },
    ],
  },
  { index: 1, row: 2, text: 'Where?', textPair: 'In 東京, they say.', answers: [{ text: '東京', start: 3 }] },
];

test('readRecords reads questions, contexts and answers, by the column names of Hugging Face', async () => {
  const content = lines(...ROWS);
  assert.deepEqual(await recordsOf('data.jsonl', content, ANSWERED), RECORDS);
  assert.deepEqual(await recordsOf('data.json', JSON.stringify(ROWS), ANSWERED), RECORDS);
  const unanswered = RECORDS.map(({ answers: _, ...record }) => record);
  assert.deepEqual(await recordsOf('data.jsonl', content, QUESTIONS), unanswered);
  const renamed = lines({ q: 'Who?', c: 'Ann', a: [{ text: 'Ann', answer_start: 0 }] });
  const columns = { ...QUESTIONS, textColumn: 'q', textPairColumn: 'c', labelColumn: 'a' };
  assert.deepEqual(await recordsOf('data.jsonl', renamed, columns), [
    { index: 0, row: 1, text: 'Who?', textPair: 'Ann', answers: [{ text: 'Ann', start: 0 }] },
  ]);
});

test('readRecords reads answers out of the structures of Parquet', async () => {
  const content = readFileSync(new URL('../fixtures/questions.parquet', import.meta.url));
  // What tools/oracles/src/dataset/make_fixtures.py put in.
  const last = { index: 2, row: 3, text: 'Why?', textPair: 'Nobody knows.', answers: [] };
  const options = { ...ANSWERED, allowsUnanswered: true };
  assert.deepEqual(await recordsOf('data.parquet', content, options), [...RECORDS, last]);
});

test("readRecords reads SQuAD's own layout", async () => {
  const qas = ROWS.map(({ question, answers }, index) => ({
    id: String(index),
    question,
    answers: answers.text.map((text, at) => ({ text, answer_start: answers.answer_start[at] })),
  }));
  const paragraphs = ROWS.map(({ context }, index) => ({ context, qas: [qas[index]] }));
  const file = JSON.stringify({ version: '1.1', data: [{ title: 'a', paragraphs }] }, undefined, 2);
  assert.deepEqual(await recordsOf('train.json', `\n${file}`, ANSWERED), RECORDS);
  const fails = (content: unknown, message: string): Promise<void> =>
    assertFails(
      'd.json',
      JSON.stringify(content),
      'MALFORMED',
      `d.json: is not laid out as SQuAD is: ${message}`,
      ANSWERED,
    );
  await fails({ version: '1.1' }, 'data is undefined, expected a list');
  await fails({ data: [{ paragraphs: [5] }] }, 'data[0].paragraphs[0] is 5, expected an object');
  await fails(
    { data: [{ paragraphs: [{ context: 'a' }] }] },
    'data[0].paragraphs[0].qas is undefined, expected a list',
  );
  await assertFails('d.json', '{"data": [', 'MALFORMED', /^d\.json: is not valid JSON: /, ANSWERED);
});

test('readRecords refuses answers that do not stand in their context, with row, value and what is expected', async () => {
  const one = (answers: unknown, context: unknown = 'It was Ann.'): string =>
    lines(ROWS[0], { question: 'Who?', context, answers });
  const fails = (content: string, code: DatasetError['code'], message: string, options = {}): Promise<void> =>
    assertFails('d.jsonl', content, code, `d.jsonl: row 2: ${message}`, { ...ANSWERED, ...options });
  const listed = (text: unknown, start: unknown): string => one({ text: [text], answer_start: [start] });
  const place = 'expected a position within the 11 characters of the context';
  await fails(listed('Ann', 11), 'INVALID_ANSWER', `"answers" answer 1 of 1: answer_start is 11, ${place}`);
  await fails(listed('Ann', -1), 'INVALID_ANSWER', `"answers" answer 1 of 1: answer_start is -1, ${place}`);
  await fails(listed('Ann', 1.5), 'INVALID_ANSWER', `"answers" answer 1 of 1: answer_start is 1.5, ${place}`);
  await fails(listed('Ann', '7'), 'INVALID_ANSWER', `"answers" answer 1 of 1: answer_start is "7", ${place}`);
  await fails(
    listed('Ann', 6),
    'INVALID_ANSWER',
    '"answers" answer 1 of 1: at answer_start 6 the context has " An", not "Ann"',
  );
  await fails(
    one({ text: ['Ann', 'Ann'], answer_start: [7] }),
    'INVALID_ANSWER',
    '"answers" has 2 texts and 1 starts (answer_start)',
  );
  await fails(
    listed('', 7),
    'INVALID_ANSWER',
    '"answers" answer 1 of 1: text is "", expected a string that is not empty',
  );
  await fails(one('Ann'), 'INVALID_ANSWER', '"answers" is "Ann", expected {"text": [...], "answer_start": [...]}');
  await fails(one(['Ann']), 'INVALID_ANSWER', '"answers" answer 1 of 1 is "Ann", expected {"text", "answer_start"}');
  await fails(one({ text: ['Ann'], answer_start: [7] }, 5), 'INVALID_TEXT', '"context" is 5, expected a string');
  const none =
    '"answers" has no answer (questions without one are for --version-2-with-negative; such rows can be left out with --skip-invalid)';
  await fails(one({ text: [], answer_start: [] }), 'MISSING_LABEL', none);
  await fails(one(null), 'MISSING_LABEL', none, { allowsUnanswered: true });
  await assertFails(
    'd.jsonl',
    lines({ question: 'Who?', answers: [] }),
    'MISSING_COLUMN',
    /has no column "context"/,
    ANSWERED,
  );
});

test('readRecords leaves bad answers out where it is told to, and says which', async () => {
  const skipped: number[] = [];
  const onSkip = (row: number): void => void skipped.push(row);
  const bad = { question: 'Who?', context: 'It was Ann.' };
  const content = lines(
    { ...bad, answers: { text: ['Ann'], answer_start: [3] } },
    { ...bad, answers: { text: ['Ann'], answer_start: [] } },
    ROWS[0],
    { ...bad, answers: { text: [], answer_start: [] } },
    ROWS[1],
  );
  const records = await recordsOf('d.jsonl', content, { ...ANSWERED, skipInvalid: true, onSkip });
  assert.deepEqual(records.map(({ row }) => row), [3, 5]); // prettier-ignore
  assert.deepEqual(skipped, [1, 2, 4]);
});

test('RecordParser reads no questions out of plain text', () => {
  assert.throws(
    () => new RecordParser('d.txt', { ...QUESTIONS, format: 'text' }),
    /d\.txt: a text file has no questions/,
  );
});
