import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatasetError, type DatasetRecord } from '@pemmican/dataset';
import { Tokenizer } from '@pemmican/tokenizer';
import { collect, recordsOf, say } from '../test/oracle.ts';
import { findChatTemplate } from './find-chat-template.ts';
import { readSequences } from './read-sequences.ts';
import { SequenceEncoder, type SequenceCounts, type SequenceOptions } from './sequence-encoder.ts';
import { NOT_PREDICTED } from './token-sequence.ts';

// Spells text with a token a character of "a" to "z", "<", ">", "/" and " ", written "▁"; a begin token before it.
const CHARACTERS = [...'▁abcdefghijklmnopqrstuvwxyz<>/'];
const [BEGIN, END] = [100, 101];
const TOKENIZER_JSON = {
  version: '1.0',
  added_tokens: [
    { id: BEGIN, content: '[B]', special: true },
    { id: END, content: '[E]', special: true },
  ].map((token) => ({ ...token, single_word: false, lstrip: false, rstrip: false, normalized: false })),
  normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  pre_tokenizer: null,
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '[B]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '[B]': { id: '[B]', ids: [BEGIN], tokens: ['[B]'] } },
  },
  model: {
    type: 'BPE',
    unk_token: null,
    byte_fallback: false,
    fuse_unk: false,
    ignore_merges: false,
    vocab: {
      ...Object.fromEntries(CHARACTERS.map((character, id) => [character, id])),
      '[B]': BEGIN,
      '[E]': END,
    } as Record<string, number>,
    merges: [],
  },
};
const CONFIG = {
  bos_token: '[B]',
  eos_token: '[E]',
  chat_template: `{{ bos_token }}{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`,
};
const tokenizer = Tokenizer.fromJson(JSON.stringify(TOKENIZER_JSON), { fileName: 'tokenizer.json', config: CONFIG });
const chatTemplate = findChatTemplate({ folderName: 'model', config: CONFIG });

/** Ids as what they spell, `_` for those that are not predicted. */
function shown(ids: ArrayLike<number>): string {
  return Array.from(ids, (id) =>
    id === NOT_PREDICTED ? '_' : id === BEGIN ? '[' : id === END ? ']' : (CHARACTERS[id] ?? '?').replace('▁', ' '),
  ).join('');
}

async function read(
  records: readonly Partial<DatasetRecord>[],
  options: Partial<SequenceOptions>,
): Promise<{ sequences: string[]; labels: (string | undefined)[]; counts: SequenceCounts }> {
  const given: SequenceOptions = { recordKind: 'text', maxLength: 1000, blockSize: 0, chatTemplate, ...options };
  const encoder = new SequenceEncoder(tokenizer, 'data.jsonl', given);
  const sequences = await collect(readSequences(recordsOf(records), encoder, 'data.jsonl'));
  return {
    sequences: sequences.map(({ ids }) => shown(ids)),
    labels: sequences.map(({ labels }) => (labels === undefined ? undefined : shown(labels))),
    counts: encoder.counts,
  };
}

const fails = (work: Promise<unknown>, code: string, message: string | RegExp): Promise<void> =>
  assert.rejects(work, { code, message });

const PROMPTS = { recordKind: 'prompt-and-completion' } as const;
const CHATS = { recordKind: 'messages', assistantOnlyLoss: true } as const;
const chat = say(['user', 'hi'], ['assistant', 'yo'], ['user', 'bye'], ['assistant', 'x']);

test('SequenceEncoder predicts a completion and the token that ends it, and no token of the prompt', async () => {
  const { sequences, labels, counts } = await read(
    [
      { prompt: 'to be ', completion: 'or not' },
      { prompt: '', completion: 'all[E]' },
    ],
    PROMPTS,
  );
  assert.deepEqual(sequences, ['[to be or not]', '[all]']);
  assert.deepEqual(labels, ['_______or not]', '_all]']);
  assert.deepEqual(counts, {
    truncatedRecordCount: 0,
    skippedRecordCount: 0,
    unlabelledBlockCount: 0,
    restTokenCount: 0,
    unlikePromptCount: 0,
  });
});

test('SequenceEncoder cuts a completion off at the end, and refuses or leaves out a record of which nothing is left', async () => {
  const records = [
    { prompt: 'a', completion: 'bcdefg' },
    { prompt: 'abcdef', completion: 'g' },
    { prompt: 'abc', completion: 'd' },
  ];
  await fails(
    read(records, { ...PROMPTS, maxLength: 6 }),
    'INVALID_TEXT',
    'data.jsonl: row 2: the completion has no token within the 6 tokens of max_sequence_length (such rows can be left out with --skip-invalid)',
  );
  const { sequences, labels, counts } = await read(records, { ...PROMPTS, maxLength: 6, skipInvalid: true });
  assert.deepEqual(sequences, ['[abcde', '[abcd]']);
  assert.deepEqual(labels, ['__bcde', '____d]']);
  assert.deepEqual([counts.truncatedRecordCount, counts.skippedRecordCount], [1, 1]);
  const none = read(records.slice(1, 2), { ...PROMPTS, maxLength: 6, skipInvalid: true });
  await fails(none, 'EMPTY', 'data.jsonl: holds no valid records: all 1 were left out');
});

test("SequenceEncoder needs the tokenizer's eos_token for completions", () => {
  const without = Tokenizer.fromJson(JSON.stringify(TOKENIZER_JSON), { fileName: 'tokenizer.json' });
  assert.throws(() => new SequenceEncoder(without, 'data.jsonl', { ...PROMPTS, maxLength: 8, blockSize: 0 }), {
    code: 'EOS_TOKEN_MISSING',
    message: /names no eos_token/,
  });
});

test('SequenceEncoder puts no special tokens around a rendered conversation, and predicts all of it unless asked otherwise', async () => {
  const { sequences, labels } = await read([{ messages: chat }], { recordKind: 'messages' });
  assert.deepEqual(sequences, ['[<user>hi]<assistant>yo]<user>bye]<assistant>x]']);
  assert.deepEqual(labels, [undefined]);
});

test('SequenceEncoder predicts what the assistant says, within the limit', async () => {
  const whole = await read([{ messages: chat }], CHATS);
  assert.deepEqual(whole.labels, [`${'_'.repeat(21)}yo]${'_'.repeat(21)}x]`]);
  const cut = await read([{ messages: chat }], { ...CHATS, maxLength: 23 });
  assert.deepEqual([cut.sequences, cut.counts.truncatedRecordCount], [['[<user>hi]<assistant>yo'], 1]);
  await fails(
    read([{ messages: chat }], { ...CHATS, maxLength: 21 }),
    'INVALID_TEXT',
    /row 1: the assistant has no token within the 21 tokens of max_sequence_length/,
  );
  await fails(read([{ messages: say(['user', 'hi']) }], CHATS), 'INVALID_TEXT', /row 1: the assistant has no token \(/);
});

test('SequenceEncoder refuses or leaves out a conversation that the template refuses', async () => {
  const records = [{ messages: chat }, { messages: say(['tool', 'x']) }];
  await fails(
    read(records, CHATS),
    'INVALID_TEXT',
    'data.jsonl: row 2: the chat template of model/tokenizer_config.json refuses the conversation: no tools (such rows can be left out with --skip-invalid)',
  );
  const { sequences, counts } = await read(records, { ...CHATS, skipInvalid: true });
  assert.deepEqual([sequences.length, counts.skippedRecordCount], [1, 1]);
});

test('SequenceEncoder names the record of which it cannot tell what the assistant says, and leaves none such out', async () => {
  const config = { ...CONFIG, chat_template: '{{ messages[-1].content }}' };
  const unheeding = findChatTemplate({ folderName: 'model', config });
  const options = { ...CHATS, chatTemplate: unheeding, skipInvalid: true };
  await fails(
    read([{ messages: chat }], options),
    'ASSISTANT_TOKENS_UNKNOWN',
    /^data\.jsonl, row 1: model\/tokenizer_config\.json: .*no \{% generation %\} blocks/,
  );
});

test('SequenceEncoder packs labels with the tokens, and leaves out blocks of which nothing is predicted', async () => {
  const records = [
    { prompt: 'abcdefgh', completion: 'i' },
    { prompt: 'k', completion: 'lm' },
  ];
  const { sequences, labels, counts } = await read(records, { ...PROMPTS, blockSize: 4 });
  // [abc defg hi][ klm]: the first two blocks are read by nobody, and the last block is whole.
  assert.deepEqual(sequences, ['hi][', 'klm]']);
  assert.deepEqual(labels, ['_i]_', '_lm]']);
  assert.deepEqual([counts.unlabelledBlockCount, counts.restTokenCount], [2, 0]);
  // A block's first token is predicted by none: where it is all there is to predict, the block is left out too.
  const first = await read([{ prompt: 'abc', completion: 'd[E]' }], { ...PROMPTS, blockSize: 5 });
  assert.deepEqual([first.sequences, first.counts.restTokenCount], [['[abcd'], 1]);
});

test('readSequences refuses a file that has fewer tokens than a block', async () => {
  await fails(
    read([{ text: 'abc' }, { text: 'd' }], { blockSize: 8 }),
    'EMPTY',
    'data.jsonl: has 6 tokens in all, fewer than one block; choose a smaller block size',
  );
});

test('readSequences tells what is wrong with an earlier record before what is wrong with a later row', async () => {
  async function* broken(): AsyncGenerator<DatasetRecord> {
    yield { index: 0, row: 1, text: '', prompt: 'abc', completion: 'd' };
    throw new DatasetError('MALFORMED', 'data.jsonl', 'line 2 is not valid JSON');
  }
  const encoder = new SequenceEncoder(tokenizer, 'data.jsonl', { ...PROMPTS, maxLength: 3, blockSize: 0 });
  await fails(collect(readSequences(broken(), encoder, 'data.jsonl')), 'INVALID_TEXT', /row 1: the completion/);
});
