import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DatasetSpec, RecordKind, Split } from '@pemmican/contract/vocabulary';
import { makeTinyModel } from '@pemmican/testkit';
import { TokenIdMap } from '@pemmican/vocabulary';
import { prepareData, type DataRequest } from './prepared-data.ts';
import { prepareModel, type PreparedModel } from './prepared-model.ts';

interface Row {
  readonly text: string;
  readonly pair: string;
  readonly label?: number | string | null;
}

/** More rows than a block holds; texts of 0 to 29 words, some of them unknown. */
const ROWS: readonly Row[] = Array.from({ length: 5000 }, (_, row) => ({
  text: Array.from({ length: (row * 7) % 30 }, (__, word) => `word${(row * 31 + word * 17) % 300}`).join(' '),
  pair: row % 4 === 0 ? '' : `word${row % 50} é\u{1f600} word${row % 9}`,
  label: row % 3,
}));

async function tinyModel(t: TestContext): Promise<{ folder: string; prepared: PreparedModel }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-data-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await makeTinyModel(path.join(folder, 'model'));
  const prepared = await prepareModel(path.join(folder, 'model'), { cacheFolder: folder });
  t.after(() => prepared.checkpoint.close());
  return { folder, prepared };
}

function requestOf(folder: string, rows: readonly Row[], dataset: Partial<DatasetSpec> = {}): DataRequest {
  const uri = path.join(folder, 'train.jsonl');
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return {
    dataset: DatasetSpec.fromPartial({ files: [{ uri, split: Split.TRAIN }], maxSequenceLength: 16, ...dataset }),
    task: 'sequence-classification',
    labelCount: 3,
    unkeptTokensToUnk: false,
    needsLabels: true,
    breathe: () => Promise.resolve(),
  };
}

/** The model with rows for the first ids only. */
function reducedTo(prepared: PreparedModel, rowCount: number): PreparedModel {
  const map = TokenIdMap.create(
    prepared.vocabRows,
    Uint32Array.from({ length: rowCount }, (_, id) => id),
  );
  return { ...prepared, reduction: { map } as NonNullable<PreparedModel['reduction']> };
}

test('prepareData gives the ids, type ids and labels that encode gives record by record, in their order', async (t) => {
  const { folder, prepared } = await tinyModel(t);
  for (const textPairColumn of ['', 'pair']) {
    let breaths = 0;
    const request = requestOf(folder, ROWS, { textPairColumn });
    const { splits } = await prepareData(prepared, {
      ...request,
      breathe: () => {
        breaths++;
        return Promise.resolve();
      },
    });
    const dataset = splits.get(Split.TRAIN)!;
    assert.ok(breaths >= 2);
    assert.equal(dataset.recordCount, ROWS.length);
    let truncatedCount = 0;
    ROWS.forEach(({ text, pair, label }, record) => {
      const expected = prepared.tokenizer.encode(text, {
        maxLength: 16,
        ...(textPairColumn === '' ? {} : { textPair: pair }),
      });
      const [start, end] = [dataset.offsets[record], dataset.offsets[record + 1]];
      assert.deepEqual([...dataset.ids.subarray(start, end)], [...expected.ids]);
      assert.deepEqual(dataset.typeIds.subarray(start, end), expected.typeIds);
      assert.equal(dataset.labels[record], label);
      truncatedCount += Number(expected.isTruncated);
    });
    assert.ok(truncatedCount > 1000);
  }
});

test('prepareData maps ids to rows, and those without one to the unknown token where it may', async (t) => {
  const { folder, prepared } = await tinyModel(t);
  const request = requestOf(folder, ROWS);
  const whole = (await prepareData(prepared, request)).splits.get(Split.TRAIN)!;
  const rowCount = 60;
  const mapped = await prepareData(reducedTo(prepared, rowCount), { ...request, unkeptTokensToUnk: true });
  const unkTokenId = prepared.tokenizer.unkTokenId!;
  assert.deepEqual(
    mapped.splits.get(Split.TRAIN)!.ids,
    whole.ids.map((id) => (id < rowCount ? id : unkTokenId)),
  );
  assert.equal(mapped.mappedToUnkCount, whole.ids.filter((id) => id >= rowCount).length);
});

test('prepareData tells the first record that is wrong, whatever is wrong with it', async (t) => {
  const { folder, prepared } = await tinyModel(t);
  const reduced = reducedTo(prepared, 60);
  const kept: Row = { text: 'word1', pair: '', label: 0 };
  const unkept: Row = { text: 'word1 word110', pair: '', label: 0 };
  const wrongLabel: Row = { text: 'word1', pair: '', label: 'three' };
  const rows = Array.from({ length: 3000 }, () => kept);
  const failing = async (changed: readonly Row[], message: RegExp): Promise<void> => {
    await assert.rejects(prepareData(reduced, requestOf(folder, changed)), message);
  };
  await failing(rows.with(2999, unkept), /train\.jsonl, row 3000: token id \d+ \("word110"\) has no row/);
  await failing(rows.with(100, unkept).with(101, wrongLabel), /train\.jsonl, row 101: token id/);
  await failing(rows.with(100, wrongLabel).with(101, unkept), /train\.jsonl: row 101: label "three"/);
  await failing(rows.with(100, unkept).with(101, { ...kept, label: null }), /train\.jsonl, row 101: token id/);
});

test('prepareData takes a tokenizer with tokens past the rows where they do not occur', async (t) => {
  const { folder, prepared } = await tinyModel(t);
  appendFileSync(path.join(folder, 'model', 'vocab.txt'), 'extra1\nextra2\n');
  const larger = await prepareModel(path.join(folder, 'model'), { cacheFolder: folder });
  t.after(() => larger.checkpoint.close());
  assert.equal(larger.tokenizer.vocabSize, prepared.vocabRows + 2);
  const request = requestOf(folder, ROWS);
  assert.deepEqual((await prepareData(larger, request)).splits, (await prepareData(prepared, request)).splits);
  const excess: Row = { text: 'word1 extra2', pair: '', label: 0 };
  const id = larger.vocabRows + 1;
  const message = new RegExp(
    `train\\.jsonl, row 4000: token id ${id} \\("extra2"\\) has no row: the embedding matrix has ${larger.vocabRows} rows`,
  );
  const changed = requestOf(folder, ROWS.with(3999, excess));
  await assert.rejects(prepareData(larger, changed), message);
  await assert.rejects(prepareData(reducedTo(larger, larger.vocabRows), changed), message);
  const mapped = await prepareData(reducedTo(larger, larger.vocabRows), { ...changed, unkeptTokensToUnk: true });
  assert.equal(mapped.mappedToUnkCount, 1);
});

test('prepareData maps the ids of packed blocks to rows, and refuses those without one', async (t) => {
  const { folder, prepared } = await tinyModel(t);
  const request: DataRequest = {
    ...requestOf(folder, ROWS.slice(0, 200), { blockSize: 8 }),
    task: 'causal-lm',
    needsLabels: false,
  };
  const whole = (await prepareData(prepared, request)).splits.get(Split.TRAIN)!;
  // All ids but the lowest of the special ones, which no text has.
  const keptTokenIds = Uint32Array.from(new Set(whole.ids)).sort();
  const map = TokenIdMap.create(prepared.vocabRows, keptTokenIds);
  assert.ok(keptTokenIds.some((id, row) => id !== row));
  const reduced = { ...prepared, reduction: { map } as NonNullable<PreparedModel['reduction']> };
  assert.deepEqual(
    (await prepareData(reduced, request)).splits.get(Split.TRAIN)!.ids,
    whole.ids.map((id) => keptTokenIds.indexOf(id)),
  );
  await assert.rejects(
    prepareData(reducedTo(prepared, 60), request),
    /train\.jsonl, sequence \d+: token id \d+ .* has no row in the reduced model/,
  );
});

test('prepareData maps what completions are predicted to be to rows, as it maps their ids', async (t) => {
  const { folder } = await tinyModel(t);
  writeFileSync(path.join(folder, 'model', 'tokenizer_config.json'), '{"eos_token":"[SEP]"}');
  const prepared = await prepareModel(path.join(folder, 'model'), { cacheFolder: folder });
  t.after(() => prepared.checkpoint.close());
  const uri = path.join(folder, 'prompts.jsonl');
  const rows = ROWS.slice(1, 100).map(({ text }, row) => ({ prompt: `word${row}`, completion: ` ${text} word1` }));
  writeFileSync(uri, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const request: DataRequest = {
    ...requestOf(folder, []),
    dataset: DatasetSpec.fromPartial({
      files: [{ uri, split: Split.TRAIN }],
      maxSequenceLength: 16,
      recordKind: RecordKind.PROMPT_AND_COMPLETION,
    }),
    task: 'causal-lm',
    needsLabels: false,
  };
  const whole = (await prepareData(prepared, request)).splits.get(Split.TRAIN)!;
  const keptTokenIds = Uint32Array.from(new Set(whole.ids)).sort();
  const map = TokenIdMap.create(prepared.vocabRows, keptTokenIds);
  const reduced = { ...prepared, reduction: { map } as NonNullable<PreparedModel['reduction']> };
  const mapped = (await prepareData(reduced, request)).splits.get(Split.TRAIN)!;
  const labels = whole.tokenLabels!;
  assert.ok(labels.includes(-100));
  assert.ok(labels.some((label) => label >= 0 && keptTokenIds.indexOf(label) !== label));
  assert.deepEqual(
    mapped.tokenLabels,
    labels.map((label) => (label === -100 ? label : keptTokenIds.indexOf(label))),
  );
});
