import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Checkpoint, fromFloat32, toFloat32 } from '@pemmican/safetensors';

import { MemoryFolder, type TestTensor } from '../test/memory-folder.ts';
import {
  ADAPTER_PREFIX,
  adapterFolder,
  CONFIG,
  encoderTensors,
  folderOf,
  HIDDEN_SIZE,
  KEPT_TOKEN_IDS,
  ramp,
  ROW_COUNT,
  trainedOf,
} from '../test/small-bert.ts';
import { rowsOf } from '../test/tensor-values.ts';
import { mergeAdapter, type AdapterFile, type MergeResult } from './mod.ts';

const SUFFIX = '.token_adapter.trainable_tokens_delta';
const MATRIX = 'embeddings.word_embeddings.weight';
const MAP = 'pemmican-token-id-map.json';
const ROWS = `bert.embeddings.word_embeddings${SUFFIX}`;

const adapterFile = (tokenIds: readonly number[] | undefined): AdapterFile => ({
  fileName: 'adapter_model.safetensors',
  tensorPrefix: ADAPTER_PREFIX,
  scaling: 1,
  isInputMajor: false,
  rowsSuffix: SUFFIX,
  tokenIds: tokenIds === undefined ? undefined : Uint32Array.from(tokenIds),
});

async function merge(
  source: MemoryFolder,
  trained: MemoryFolder,
  tokenIds: readonly number[],
): Promise<{ checkpoint: Checkpoint; result: MergeResult; destination: MemoryFolder }> {
  const destination = new MemoryFolder('merged');
  const result = await mergeAdapter({ source, trained, adapter: adapterFile(tokenIds), destination });
  return { checkpoint: await Checkpoint.open(destination), result, destination };
}

/** Rows of a matrix that `ramp` made from `first` on. */
const rampRow = (first: number, row: number): number[] =>
  [0, 1, 2, 3].map((column) => first + row * HIDDEN_SIZE + column);

/** The source's rows from 20 on, and the adapter's from 1000 on in the places of `tokenIds`. */
const expectedRows = (tokenIds: readonly number[]): number[][] =>
  Array.from({ length: ROW_COUNT }, (_, row) =>
    tokenIds.includes(row) ? rampRow(1000, tokenIds.indexOf(row)) : rampRow(20, row),
  );

test("an adapter's rows take the places of the tokens that its config names, in whatever order, and nothing else changes", async () => {
  for (const prefix of ['', 'bert.'])
    for (const tokenIds of [[2, 5, 6], [9, 0, 11, 3], [4], [...Array(ROW_COUNT).keys()]]) {
      const source = await folderOf('source', encoderTensors(0, ROW_COUNT, prefix));
      const trained = await adapterFolder([ramp(ROWS, 1000, tokenIds.length, HIDDEN_SIZE)]);
      const { checkpoint, result, destination } = await merge(source, trained, tokenIds);
      assert.deepEqual(await rowsOf(checkpoint, prefix + MATRIX), expectedRows(tokenIds));
      const before = await Checkpoint.open(source);
      for (const name of before.tensorNames)
        if (!name.endsWith(MATRIX)) assert.deepEqual(await checkpoint.read(name), await before.read(name), name);
      assert.deepEqual([result.mergedRowCount, result.mergedModuleCount], [tokenIds.length, 0]);
      assert.equal(destination.json('config.json')['vocab_size'], ROW_COUNT);
    }
});

test("rows are rounded once to the source's dtype, the others keep their bytes", async () => {
  const tensors = encoderTensors(0, ROW_COUNT).map((tensor): TestTensor => {
    const bytes = fromFloat32('BF16', toFloat32('F32', Uint8Array.from(tensor.bytes)));
    return { ...tensor, dtype: 'BF16', bytes };
  });
  const source = await folderOf('source', tensors);
  // 1001 lies half way between two numbers of bfloat16 that are 4 apart.
  const { checkpoint } = await merge(source, await adapterFolder([ramp(ROWS, 1001, 2, HIDDEN_SIZE)]), [7, 1]);
  assert.equal(checkpoint.get(MATRIX).dtype, 'BF16');
  const rounded = [...toFloat32('BF16', fromFloat32('BF16', Float32Array.from([1001, 1002, 1003, 1004])))];
  assert.deepEqual((await rowsOf(checkpoint, MATRIX))[7], rounded);
  assert.deepEqual((await rowsOf(checkpoint, MATRIX))[6], rampRow(20, 6));
});

test("every copy of the embedding matrix gets the rows, an encoder-decoder's own output matrix does not", async () => {
  const names = ['decoder.embed_tokens.weight', 'encoder.embed_tokens.weight', 'lm_head.weight', 'shared.weight'];
  const config = { ...CONFIG, model_type: 't5' };
  for (const isTied of [true, false]) {
    const source = await folderOf(
      'source',
      names.map((name) => ramp(name, name.startsWith('lm_head') && !isTied ? 500 : 20, ROW_COUNT, HIDDEN_SIZE)),
      config,
    );
    const { checkpoint } = await merge(
      source,
      await adapterFolder([ramp(`shared${SUFFIX}`, 1000, 2, HIDDEN_SIZE)]),
      [8, 3],
    );
    for (const name of names)
      assert.deepEqual(
        await rowsOf(checkpoint, name),
        name.startsWith('lm_head') && !isTied
          ? Array.from({ length: ROW_COUNT }, (_, row) => rampRow(500, row))
          : expectedRows([8, 3]),
        name,
      );
  }
});

test('a tied output matrix that is stored as a copy gets the rows in every family, so that it stays one', async () => {
  for (const [embedding, output, config] of [
    ['model.embed_tokens', 'lm_head.weight', { model_type: 'llama', tie_word_embeddings: true }],
    ['bert.embeddings.word_embeddings', 'cls.predictions.decoder.weight', { model_type: 'bert' }],
  ] as const)
    for (const isCopy of [true, false]) {
      const tensors = [
        ramp(`${embedding}.weight`, 20, ROW_COUNT, HIDDEN_SIZE),
        ramp(output, isCopy ? 20 : 500, ROW_COUNT, HIDDEN_SIZE),
      ];
      const source = await folderOf('source', tensors, { ...CONFIG, ...config });
      const trained = await adapterFolder([ramp(embedding + SUFFIX, 1000, 2, HIDDEN_SIZE)]);
      const { checkpoint } = await merge(source, trained, [8, 3]);
      assert.deepEqual(await rowsOf(checkpoint, `${embedding}.weight`), expectedRows([8, 3]));
      const own = Array.from({ length: ROW_COUNT }, (_, row) => rampRow(500, row));
      assert.deepEqual(await rowsOf(checkpoint, output), isCopy ? expectedRows([8, 3]) : own);
    }
});

test("an adapter for a reduced folder has that folder's token ids, and they are mapped; one for the full model has its own", async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const reduced = await trainedOf(source, encoderTensors(1000, KEPT_TOKEN_IDS.length));
  const map = reduced.files.get(MAP)!;
  const rows = [ramp(ROWS, 1000, 3, HIDDEN_SIZE)];
  for (const [vocabSize, tokenIds] of [
    [KEPT_TOKEN_IDS.length, [2, 5, 4]],
    [ROW_COUNT, [3, 11, 8]],
  ] as const) {
    const config = JSON.stringify({ ...CONFIG, vocab_size: vocabSize });
    const { checkpoint } = await merge(source, await adapterFolder(rows, { [MAP]: map, 'config.json': config }), tokenIds); // prettier-ignore
    assert.deepEqual(await rowsOf(checkpoint, MATRIX), expectedRows([3, 11, 8]));
  }
});

test('rows that fit nothing are refused, and nothing is left', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const map = (await trainedOf(source, encoderTensors(0, KEPT_TOKEN_IDS.length))).files.get(MAP)!;
  const config = (vocabSize: number): string => JSON.stringify({ ...CONFIG, vocab_size: vocabSize });
  const rows = ramp(ROWS, 0, 2, HIDDEN_SIZE);
  for (const [tensors, tokenIds, code, message, files] of [
    [
      [rows],
      [1, 2, 3],
      'SHAPE_MISMATCH',
      /"base_model\.model\.bert.*delta" is F32 \[2, 4\]; 3 rows of "embeddings\.word_embeddings\.weight" have 4 values each/,
      {},
    ],
    [[ramp(ROWS, 0, 2, 3)], [1, 2], 'SHAPE_MISMATCH', /is F32 \[2, 3\]; 2 rows of .* have 4 values each/, {}],
    [[{ ...rows, dtype: 'I32' }], [1, 2], 'MISSING_TENSOR', /is I32, not a floating dtype/, {}],
    [[rows], undefined, 'MISSING_TENSOR', /has embedding rows, of which its config names none/, {}],
    [
      [rows],
      [1, 12],
      'SHAPE_MISMATCH',
      /has a row for row 12 of "embeddings\.word_embeddings\.weight", which has 12/,
      {},
    ],
    [
      [ramp(`bert.embeddings.position_embeddings${SUFFIX}`, 0, 2, 4)],
      [1, 2],
      'MISSING_TENSOR',
      /has rows of "bert\.embeddings\.position_embeddings\.weight", which is not the input embedding matrix/,
      {},
    ],
    [
      [ramp('classifier.weight', 0, 2, 4)],
      [1, 2],
      'MISSING_TENSOR',
      /has no embedding rows, of which its config names 2/,
      {},
    ],
    [
      [rows, ramp(`encoder.embed_tokens${SUFFIX}`, 0, 2, 4)],
      [1, 2],
      'MISSING_TENSOR',
      /and "base_model.*" are both rows of the embedding matrix/,
      {},
    ],
    [
      [rows, ramp('bert.embeddings.word_embeddings.weight', 0, ROW_COUNT, 4)],
      [1, 2],
      'MISSING_TENSOR',
      /has "embeddings\.word_embeddings\.weight" whole and rows of it/,
      {},
    ],
    [
      [rows],
      [1, 2],
      'INVALID_CONFIG',
      /is there without the config\.json that says whether token ids are full or reduced/,
      { [MAP]: map },
    ],
    [
      [rows],
      [1, 2],
      'INVALID_CONFIG',
      /vocab_size is 9, the token id map has 6 of 12/,
      { [MAP]: map, 'config.json': config(9) },
    ],
    [
      [rows],
      [1, 6],
      'INVALID_CONFIG',
      /adapter_config\.json: token id 1 is 6, the reduced folder has rows 0 to 5/,
      { [MAP]: map, 'config.json': config(6) },
    ],
  ] as const) {
    // prettier-ignore
    const trained = await adapterFolder(tensors, files);
    const destination = new MemoryFolder('merged');
    const merging = mergeAdapter({ source, trained, adapter: adapterFile(tokenIds), destination });
    await assert.rejects(merging, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(destination.state, 'aborted');
  }
});
