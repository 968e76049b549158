import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { Checkpoint, fromFloat32, toFloat32 } from '@pemmican/safetensors';

import { float32Bytes, MemoryFolder, type TestTensor } from '../test/memory-folder.ts';
import {
  ADAPTER_PREFIX,
  adapterFolder,
  CONFIG,
  encoderTensors,
  folderOf,
  ramp,
  ROW_COUNT,
  trainedOf,
} from '../test/small-bert.ts';
import { valuesOf } from '../test/tensor-values.ts';
import { mergeAdapter, type AdapterFile, type MergeResult } from './mod.ts';

const DENSE = 'encoder.layer.0.output.dense.weight';
const ADAPTER: AdapterFile = {
  fileName: 'adapter_model.safetensors',
  tensorPrefix: ADAPTER_PREFIX,
  scaling: 2,
  isInputMajor: false,
  rowsSuffix: '.token_adapter.trainable_tokens_delta',
  tokenIds: undefined,
};

const adapterOf = (module: string): TestTensor[] => [
  ramp(`${module}.lora_A.weight`, 1, 2, 4),
  ramp(`${module}.lora_B.weight`, -3, 4, 2),
];

async function merge(
  source: MemoryFolder,
  trained: MemoryFolder,
  adapter = ADAPTER,
): Promise<{ checkpoint: Checkpoint; result: MergeResult; destination: MemoryFolder }> {
  const destination = new MemoryFolder('merged');
  const result = await mergeAdapter({ source, trained, adapter, destination });
  return { checkpoint: await Checkpoint.open(destination), result, destination };
}

/** `W + 2 * B A` by its definition, W from 30 on as `ramp` makes it. */
function expectedDense(isInputMajor: boolean): number[] {
  return Array.from({ length: 16 }, (_, index) => {
    const [row, column] = [Math.floor(index / 4), index % 4];
    const [output, input] = isInputMajor ? [column, row] : [row, column];
    const product = [0, 1].reduce((sum, k) => sum + (-3 + output * 2 + k) * (1 + k * 4 + input), 0);
    return 30 + index + 2 * product;
  });
}

test("mergeAdapter adds the product to its matrix, whatever prefix the source's names have, and leaves the rest", async () => {
  for (const prefix of ['', 'bert.'])
    for (const isInputMajor of [false, true]) {
      const source = await folderOf('source', encoderTensors(0, ROW_COUNT, prefix));
      const trained = await adapterFolder([
        ...adapterOf('bert.encoder.layer.0.output.dense'),
        ramp('classifier.weight', 60, 2, 4),
      ]);
      const { checkpoint, result } = await merge(source, trained, { ...ADAPTER, isInputMajor });
      assert.deepEqual(await valuesOf(checkpoint, prefix + DENSE), expectedDense(isInputMajor));
      assert.deepEqual(await valuesOf(checkpoint, 'classifier.weight'), [60, 61, 62, 63, 64, 65, 66, 67]);
      const before = await Checkpoint.open(source);
      for (const name of before.tensorNames)
        if (!name.endsWith(DENSE)) assert.deepEqual(await checkpoint.read(name), await before.read(name), name);
      assert.deepEqual(checkpoint.tensorNames, [...before.tensorNames, 'classifier.weight']);
      assert.equal(result.mergedModuleCount, 1);
    }
});

test("mergeAdapter rounds once to the source's dtype, and takes labels from the adapter's config", async () => {
  const tensors = encoderTensors(0, ROW_COUNT).map((tensor): TestTensor => {
    const bytes = fromFloat32('BF16', toFloat32('F32', Uint8Array.from(tensor.bytes)));
    return { ...tensor, dtype: 'BF16', bytes };
  });
  const source = await folderOf('source', tensors);
  const config = { ...CONFIG, architectures: ['BertForSequenceClassification'], id2label: { 0: 'bad', 1: 'good' }, vocab_size: 6 }; // prettier-ignore
  const trained = await adapterFolder(
    [...adapterOf('bert.encoder.layer.0.output.dense'), ramp('classifier.weight', 60, 2, 4)],
    { 'config.json': JSON.stringify(config) },
  );
  const { checkpoint, destination } = await merge(source, trained);
  const rounded = toFloat32('BF16', fromFloat32('BF16', Float32Array.from(expectedDense(false))));
  assert.deepEqual(await valuesOf(checkpoint, DENSE), [...rounded]);
  assert.equal(checkpoint.get('classifier.weight').dtype, 'BF16');
  const merged = destination.json('config.json');
  assert.deepEqual(merged['id2label'], config.id2label);
  assert.deepEqual(merged['architectures'], config.architectures);
  assert.equal(merged['vocab_size'], ROW_COUNT);
});

test('mergeAdapter refuses an adapter of another model and leaves nothing', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const reduced = await trainedOf(source, encoderTensors(1000, 6));
  const map = reduced.files.get('pemmican-token-id-map.json')!;
  const good = adapterOf('bert.encoder.layer.0.output.dense');
  await merge(source, await adapterFolder(good, { 'pemmican-token-id-map.json': map }));
  const other = await folderOf('other', encoderTensors(1, ROW_COUNT));
  for (const [from, tensors, code, message, files] of [
    [other, good, 'MANIFEST_MISMATCH', /fingerprint of other is /, { 'pemmican-token-id-map.json': map }],
    [source, adapterOf('bert.encoder.layer.1.output.dense'), 'MISSING_TENSOR', /has no "encoder\.layer\.1\./, {}],
    [
      source,
      adapterOf('bert.embeddings.word_embeddings'),
      'SHAPE_MISMATCH',
      /do not fit .* which is F32 \[12, 4\]/,
      {},
    ],
    [source, good.slice(0, 1), 'MISSING_TENSOR', /has no lora_B beside it/, {}],
    [source, good.slice(1), 'MISSING_TENSOR', /has no lora_A beside it/, {}],
  ] as const) {
    const trained = await adapterFolder(tensors, files);
    const destination = new MemoryFolder('merged');
    await assert.rejects(mergeAdapter({ source: from, trained, adapter: ADAPTER, destination }), (error: Error) => {
      assert.equal((error as Error & { code?: string }).code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(destination.state, 'aborted');
  }
});

/** tools/oracles/src/models/make_lora_fixtures.py: PEFT's own merge, in float64. */
interface MergedCase {
  readonly family: string;
  readonly case: string;
  readonly given: { rank: number; alpha: number; useRslora: boolean; tokenIds?: number[] };
  readonly saved: Record<string, { shape: number[]; value: number[] }>;
  readonly merged: { name: string; value: number[] };
}

const FIXTURES = path.resolve(import.meta.dirname, '../../models/fixtures');
const fixture = <Content>(name: string): Content =>
  JSON.parse(gunzipSync(readFileSync(path.join(FIXTURES, `${name}.json.gz`))).toString()) as Content;

test("mergeAdapter has PEFT's merged weights and embedding rows in every family", async () => {
  const cases = ['lora', 'lora-rows'].flatMap((name) => fixture<{ cases: MergedCase[] }>(name).cases);
  for (const one of cases) {
    const base = fixture<{ cases: { name: string; parameters: MergedCase['saved'] }[] }>(one.family).cases.find(
      ({ name }) => name === one.case,
    )!;
    const tensor = (name: string, { shape, value }: { shape: number[]; value: number[] }): TestTensor => ({
      name, dtype: 'F32', shape, bytes: float32Bytes(value),
    }); // prettier-ignore
    const weights = Object.entries(base.parameters).map(([name, parameter]) => tensor(name, parameter));
    const source = await folderOf('source', weights, { model_type: one.family });
    const trained = await adapterFolder(
      Object.entries(one.saved).map(([name, saved]) => tensor(name.slice(ADAPTER_PREFIX.length), saved)),
    );
    const { rank, alpha, useRslora, tokenIds } = one.given;
    const scaling = alpha / (useRslora ? Math.sqrt(rank) : rank);
    const { checkpoint } = await merge(source, trained, {
      ...ADAPTER,
      scaling,
      isInputMajor: one.family === 'gpt2',
      tokenIds: tokenIds === undefined ? undefined : Uint32Array.from(tokenIds),
    });
    const actual = await valuesOf(checkpoint, one.merged.name);
    const largest = Math.max(...one.merged.value.map(Math.abs));
    // One rounding to float32.
    one.merged.value.forEach((value, index) => {
      assert.ok(Math.abs(actual[index]! - value) <= 2 ** -24 * largest, `${one.family}, ${one.merged.name}`);
    });
  }
});
