import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DatasetSpec, RecordKind, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel } from '@pemmican/testkit';
import { NO_LABEL } from '@pemmican/training';
import { prepareData, type PreparedData } from './prepared-data.ts';
import { prepareModel } from './prepared-model.ts';
import { withChatTemplate } from './prepared-sequences.ts';

// Ids of the tiny model: each of its words is one token.
const [UNKNOWN, CLS, SEP, FIRST_WORD] = [1, 2, 3, 5];
const word = (number: number): number => FIRST_WORD + number;

const TEMPLATE = '{% for m in messages %}{{ m.content }} {% endfor %}';

async function prepare(
  t: TestContext,
  rows: readonly unknown[],
  dataset: Partial<DatasetSpec>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<PreparedData> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-sequences-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const fields = { tokenizer_class: 'BertTokenizer', do_lower_case: true, ...config };
  writeFileSync(path.join(model, 'tokenizer_config.json'), JSON.stringify(fields));
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const spec = DatasetSpec.fromPartial({ maxSequenceLength: 16, ...dataset, files: [{ split: Split.TRAIN, uri }] });
  const prepared = withChatTemplate(await prepareModel(model, { cacheFolder: folder }, 'causal-lm'), spec);
  t.after(() => prepared.checkpoint.close());
  return prepareData(prepared, {
    dataset: spec,
    task: 'causal-lm',
    labelCount: 0,
    unkeptTokensToUnk: false,
    needsLabels: false,
    breathe: () => Promise.resolve(),
  });
}

test('prepareData packs records into blocks and says what it left out', async (t) => {
  const rows = ['word1 word2', 'word3', 'word4 word5'].map((text) => ({ text, label: null }));
  const { splits, notes } = await prepare(t, rows, { blockSize: 5 });
  const { ids, offsets, recordCount, tokenLabels } = splits.get(Split.TRAIN)!;
  // [CLS] word1 word2 [SEP] [CLS] | word3 [SEP] [CLS] word4 word5 | and one [SEP] that fills no block.
  assert.deepEqual([...ids], [CLS, word(1), word(2), SEP, CLS, word(3), SEP, CLS, word(4), word(5)]);
  assert.deepEqual([recordCount, [...offsets], tokenLabels], [2, [0, 5, 10], undefined]);
  assert.match(notes?.join() ?? '', /train\.jsonl: the last 1 tokens fill no block of 5 and were left out$/);
});

test('prepareData labels the completion of a prompt, which ends with the eos_token', async (t) => {
  const rows = [{ prompt: 'word1 word2 ', completion: 'word3' }];
  const dataset = { recordKind: RecordKind.PROMPT_AND_COMPLETION };
  const { splits, notes } = await prepare(t, rows, dataset, { eos_token: 'word9' });
  const { ids, tokenLabels } = splits.get(Split.TRAIN)!;
  // "word3word9" is one unknown word to WordPiece: an eos_token that is no added token is text like any other.
  assert.deepEqual([...ids], [CLS, word(1), word(2), UNKNOWN, SEP]);
  // BERT's own tokenizer ends the prompt too, with a [SEP] that is not there when the completion follows.
  assert.deepEqual([...tokenLabels!], [NO_LABEL, NO_LABEL, NO_LABEL, NO_LABEL, SEP]);
  assert.match(notes?.join() ?? '', /1 of 5 tokens are predicted,.*1 prompts are tokenized otherwise before/);
  await assert.rejects(prepare(t, rows, dataset), { name: 'SequenceError', code: 'EOS_TOKEN_MISSING' });
});

test('prepareData renders messages with the chat template, and a template that was given comes first', async (t) => {
  const rows = [
    {
      messages: [
        { role: 'user', content: 'word1' },
        { role: 'assistant', content: 'word2' },
      ],
    },
  ];
  const dataset = { recordKind: RecordKind.MESSAGES };
  const config = { chat_template: TEMPLATE };
  const idsOf = async (changes: Partial<DatasetSpec>): Promise<number[]> => [
    ...(await prepare(t, rows, { ...dataset, ...changes }, config)).splits.get(Split.TRAIN)!.ids,
  ];
  assert.deepEqual(await idsOf({}), [word(1), word(2)]);
  const chatTemplate = '{{ messages[1].content }} word7 word8';
  assert.deepEqual(await idsOf({ chatTemplate }), [word(2), word(7), word(8)]);
  await assert.rejects(prepare(t, rows, dataset), { name: 'SequenceError', code: 'TEMPLATE_MISSING' });
  const marked = '{% for m in messages %}{% generation %}{{ m.content }} {% endgeneration %}{% endfor %}';
  await assert.rejects(prepare(t, rows, { ...dataset, chatTemplate: marked, assistantOnlyLoss: true }), {
    name: 'SequenceError',
    code: 'ASSISTANT_TOKENS_UNKNOWN',
    message: /train\.jsonl, row 1: .*the tokens of this tokenizer do not spell the text/,
  });
});

test('prepareData counts the rows that it leaves out, and refuses blocks longer than the positions', async (t) => {
  const rows = [{ messages: [] }, { messages: [{ role: 'user', content: 'word1 word2' }] }];
  const dataset = { recordKind: RecordKind.MESSAGES, chatTemplate: TEMPLATE };
  assert.equal((await prepare(t, rows, { ...dataset, skipInvalid: true })).skippedRecordCount, 1);
  await assert.rejects(prepare(t, rows, dataset), {
    name: 'DatasetError',
    message: /row 1: "messages" is an empty list/,
  });
  await assert.rejects(prepare(t, [{ text: 'word1' }], { blockSize: 129 }), {
    name: 'PreconditionError',
    message: "block_size 129 is over the model's 128 positions",
  });
});
