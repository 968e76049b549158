import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { AnalysisState, RecordKind, Split, type DatasetSpec } from '@pemmican/contract/vocabulary';
import { makeTinyModel, refusalOf } from '@pemmican/testkit';
import { parseProfile, type SplitProfile } from '@pemmican/vocabulary';
import {
  analysisSpec,
  createAnalysis,
  downloadProfile,
  runAnalysis,
  startService,
  temporaryFolder,
} from './harness.ts';

// Ids of the tiny model: each of its words is one token.
const [CLS, SEP, FIRST_WORD] = [2, 3, 5];
const word = (number: number): number => FIRST_WORD + number;

interface Setting {
  readonly count: (rows: readonly unknown[], dataset: Partial<DatasetSpec>) => Promise<SplitProfile>;
  readonly refusal: (rows: readonly unknown[], dataset: Partial<DatasetSpec>) => Promise<string>;
}

async function open(t: TestContext, config: Readonly<Record<string, unknown>> = {}): Promise<Setting> {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const fields = { tokenizer_class: 'BertTokenizer', do_lower_case: true, ...config };
  writeFileSync(path.join(model, 'tokenizer_config.json'), JSON.stringify(fields));
  const client = await startService(t, folder);
  const specOf = (rows: readonly unknown[], dataset: Partial<DatasetSpec>): ReturnType<typeof analysisSpec> => {
    const uri = path.join(folder, 'train.jsonl');
    writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return analysisSpec(model, [{ split: Split.TRAIN, uri }], { dataset });
  };
  return {
    count: async (rows, dataset) => {
      const analysis = await runAnalysis(client, specOf(rows, dataset));
      assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
      const chunks = await downloadProfile(client, analysis.name);
      const profile = parseProfile(JSON.parse(Buffer.concat(chunks.map(({ data }) => data)).toString()), 'profile');
      return profile.splits[0]!;
    },
    refusal: async (rows, dataset) => {
      try {
        await createAnalysis(client, specOf(rows, dataset), { validateOnly: true });
      } catch (error) {
        const { code, message } = refusalOf(error);
        return `${code}: ${message}`;
      }
      throw new Error('The analysis was not refused');
    },
  };
}

function countsOf({ tokenIds, counts }: SplitProfile): [id: number, count: number][] {
  return tokenIds.map((id, index) => [id, counts[index] ?? 0]);
}

test('an analysis of blocks counts the tokens of whole blocks, and not the rest that training drops', async (t) => {
  const { count } = await open(t);
  // Rows whose label is null are read: a language model needs none.
  const rows = ['word1 word2', 'word1', 'word3 word4', 'word5'].map((text) => ({ text, label: null }));
  const split = await count(rows, { blockSize: 5 });
  // [CLS] 1 2 [SEP] [CLS] | 1 [SEP] [CLS] 3 4 | [SEP] [CLS] 5 [SEP]: word5 is never read.
  assert.deepEqual(countsOf(split), [
    [CLS, 3],
    [SEP, 2],
    [word(1), 2],
    [word(2), 1],
    [word(3), 1],
    [word(4), 1],
  ]);
  assert.deepEqual([split.recordCount, split.tokenCount, split.tokensPerRecord.max], [2, 10, 5]);
});

test('an analysis of messages counts what the chat template renders, and leaves out what training leaves out', async (t) => {
  const template = `{% for m in messages %}{% if m.content == 'word9' %}{{ raise_exception('nine') }}{% endif %}{{ m.content }} {% endfor %}`;
  const { count } = await open(t, { chat_template: template });
  const chat = (...contents: string[]): unknown => ({
    messages: contents.map((content) => ({ role: 'user', content })),
  });
  const rows = [chat('word1', 'word2 word3'), chat('word9'), chat('word4'), { messages: [] }, chat('word1', 'word1')];
  const dataset = { recordKind: RecordKind.MESSAGES, skipInvalid: true, maxSequenceLength: 2 };
  const split = await count(rows, dataset);
  // The first is cut after two tokens, of the third's one token nothing is predicted.
  assert.deepEqual(countsOf(split), [
    [word(1), 3],
    [word(2), 1],
  ]);
  assert.deepEqual([split.recordCount, split.truncatedRecordCount, split.skippedRecordCount], [2, 1, 3]);
});

test('an analysis without its chat template, with a bad one or with fields that do not fit is refused at once', async (t) => {
  const { refusal } = await open(t);
  const rows = [{ messages: [{ role: 'user', content: 'word1 word2' }] }];
  const messages = { recordKind: RecordKind.MESSAGES };
  assert.match(await refusal(rows, messages), /^FAILED_PRECONDITION: .*model: there is no chat template/);
  const broken = { ...messages, chatTemplate: '{% for %}' };
  assert.match(await refusal(rows, broken), /^FAILED_PRECONDITION: .*the chat template cannot be read/);
  const missing = { ...messages, chatTemplate: 'x', messagesColumn: 'chat' };
  assert.match(await refusal(rows, missing), /^INVALID_ARGUMENT: .*row 1 has no column "chat"; it has "messages"/);
  const wrong = { blockSize: 1, assistantOnlyLoss: true, chatTemplate: 'x'.repeat(131_073) };
  const told = await refusal(rows, wrong);
  assert.match(told, /block_size.*is 1, must be 0 or from 2 to 1000000/);
  assert.match(told, /assistant_only_loss.*must not be set for records that are not messages/);
  assert.match(told, /chat_template.*has 131073 characters, must have at most 131072/);
  assert.match(
    await refusal(rows, { ...messages, textPairColumn: 'b' }),
    /text_pair_column.*must be empty: there is no second text/,
  );
});
