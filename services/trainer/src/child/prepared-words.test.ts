import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DatasetSpec, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel } from '@pemmican/testkit';
import { prepareData, type DataRequest, type PreparedData } from './prepared-data.ts';
import { prepareModel } from './prepared-model.ts';

interface Row {
  readonly tokens: unknown;
  readonly ner_tags?: unknown;
}

const TRAIN: readonly Row[] = [
  // Of the tiny model's words each is one token, and a hyphen is an unknown one.
  { tokens: ['word1', 'word2-word3', '\u200b', 'word4'], ner_tags: ['O', 'B-PER', 'O', 'B-LOC'] },
  {
    tokens: ['word5', 'word6', 'word7', 'word8', 'word9', 'word10', 'word11', 'word12'],
    ner_tags: Array(8).fill('I-PER'),
  },
];

async function prepare(
  t: TestContext,
  splits: Readonly<Partial<Record<'TRAIN' | 'VALIDATION', readonly Row[]>>>,
  changes: Partial<DataRequest> & { readonly dataset?: DatasetSpec } = {},
): Promise<PreparedData> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-words-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await makeTinyModel(path.join(folder, 'model'));
  const prepared = await prepareModel(path.join(folder, 'model'), { cacheFolder: folder }, 'token-classification');
  t.after(() => prepared.checkpoint.close());
  const files = Object.entries(splits).map(([split, rows]) => {
    const uri = path.join(folder, `${split.toLowerCase()}.jsonl`);
    writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return { uri, split: Split[split as keyof typeof splits] };
  });
  return prepareData(prepared, {
    task: 'token-classification',
    labelCount: 0,
    unkeptTokensToUnk: false,
    needsLabels: true,
    breathe: () => Promise.resolve(),
    ...changes,
    dataset: DatasetSpec.fromPartial({ maxSequenceLength: 8, ...changes.dataset, files }),
  });
}

test("prepareData labels words' first tokens, by the sorted names of the tags", async (t) => {
  const { splits, labelNames, labelCount, words } = await prepare(t, { TRAIN });
  assert.deepEqual(labelNames, ['B-LOC', 'B-PER', 'I-PER', 'O']);
  assert.equal(labelCount, 4);
  const { tokenLabels, offsets } = splits.get(Split.TRAIN)!;
  assert.deepEqual([...offsets], [0, 7, 15]);
  // [CLS] word1 word2 - word3 word4 [SEP]; a word without a token leaves no trace. The second record is cut after six words.
  const [first, second] = [tokenLabels!.subarray(0, 7), tokenLabels!.subarray(7)];
  assert.deepEqual([...first], [-100, 3, 1, -100, -100, 0, -100]);
  assert.deepEqual([...second], [-100, 2, 2, 2, 2, 2, 2, -100]);
  const { wordIds, wordCounts } = words.get(Split.TRAIN)!;
  assert.deepEqual([...wordIds.subarray(0, 7)], [-1, 0, 1, 1, 1, 3, -1]);
  assert.deepEqual([...wordCounts], [4, 8]);
});

test('prepareData labels all tokens of a word where it is asked to, those after the first as inside', async (t) => {
  const { splits } = await prepare(t, { TRAIN }, { labelsAllTokens: true });
  const { tokenLabels } = splits.get(Split.TRAIN)!;
  assert.deepEqual([...tokenLabels!.subarray(0, 7)], [-100, 3, 1, 2, 2, 0, -100]);
});

test('prepareData takes class numbers, with names where they are given', async (t) => {
  const rows = [{ tokens: ['word1', 'word2'], ner_tags: [0, 2] }];
  const unnamed = await prepare(t, { TRAIN: rows });
  assert.equal(unnamed.labelNames, undefined);
  assert.equal(unnamed.labelCount, 3);
  const labelNames = ['O', 'B-PER', 'I-PER'];
  const named = await prepare(t, { TRAIN: rows }, { labelNames });
  assert.deepEqual(named.labelNames, labelNames);
  assert.deepEqual([...named.splits.get(Split.TRAIN)!.tokenLabels!], [-100, 0, 2, -100]);
});

test('prepareData refuses tags that training has not, tags of another number than words, and words without tokens', async (t) => {
  const refuse = async (validation: Row, message: RegExp): Promise<void> => {
    await assert.rejects(prepare(t, { TRAIN, VALIDATION: [TRAIN[0]!, validation] }), { name: 'DatasetError', message });
  };
  await refuse(
    { tokens: ['word1', 'word2'], ner_tags: ['O', 'B-MISC'] },
    /validation\.jsonl: row 2, word 2: tag "B-MISC" is none of the 4 labels: "O", "B-PER", "B-LOC", "I-PER"$/,
  );
  await refuse(
    { tokens: ['word1'], ner_tags: [] },
    /validation\.jsonl: row 2: "ner_tags" has 0 tags, "tokens" has 1 words$/,
  );
  await refuse(
    { tokens: ['\u200b', ' '], ner_tags: ['O', 'O'] },
    /validation\.jsonl: row 2: none of its 2 words has a token within the 8 of max_sequence_length$/,
  );
});

test('prepareData leaves records without a token out where it may, and counts them', async (t) => {
  const rows = [{ tokens: ['\u200b'], ner_tags: ['O'] }, ...TRAIN];
  const dataset = DatasetSpec.fromPartial({ skipInvalid: true });
  const { splits, words, skippedRecordCount } = await prepare(t, { TRAIN: rows }, { dataset });
  assert.equal(skippedRecordCount, 1);
  assert.equal(splits.get(Split.TRAIN)!.recordCount, 2);
  assert.equal(words.get(Split.TRAIN)!.wordCounts.length, 2);
});
