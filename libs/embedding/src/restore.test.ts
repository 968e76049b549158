import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Checkpoint, fromFloat32, toFloat32 } from '@pemmican/safetensors';

import { fileOf, MemoryFolder, type TestTensor } from '../test/memory-folder.ts';
import { CONFIG, encoderTensors, folderOf, KEPT_TOKEN_IDS, ramp, ROW_COUNT, trainedOf } from '../test/small-bert.ts';
import { valuesOf } from '../test/tensor-values.ts';
import { restoreCheckpoint, verifyRestored, type RestoreOptions, type RestoreResult } from './mod.ts';

const WORD_EMBEDDINGS = 'embeddings.word_embeddings.weight';
const KEPT_COUNT = KEPT_TOKEN_IDS.length;

async function restore(
  source: MemoryFolder,
  trained: MemoryFolder,
  options: Partial<RestoreOptions> = {},
): Promise<{ restored: MemoryFolder; checkpoint: Checkpoint; result: RestoreResult }> {
  const restored = new MemoryFolder('restored');
  const result = await restoreCheckpoint({ source, trained, destination: restored, ...options });
  const report = await verifyRestored({ source, trained, restored, ...options });
  assert.deepEqual(report.problems, []);
  return { restored, checkpoint: await Checkpoint.open(restored), result };
}

test('restoreCheckpoint takes kept rows from the trained checkpoint and all others from the source', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const trained = await trainedOf(source, encoderTensors(1000, KEPT_COUNT));
  const { checkpoint, result } = await restore(source, trained);
  const expected = Array.from({ length: ROW_COUNT }, (_, id) => {
    const row = KEPT_TOKEN_IDS.findIndex((kept) => kept === id);
    return [0, 1, 2, 3].map((column) => (row < 0 ? 20 + id * 4 + column : 1020 + row * 4 + column));
  });
  assert.deepEqual(await valuesOf(checkpoint, WORD_EMBEDDINGS), expected.flat());
  assert.equal((await valuesOf(checkpoint, 'encoder.layer.0.output.dense.weight'))[0], 1030);
  assert.deepEqual(result, {
    fullVocabSize: 12,
    trainedRowCount: 6,
    writtenBytes: 4 * (4 + 4 + 48 + 16),
    addedTensors: [],
  });
});

test("restoreCheckpoint pairs a source without prefix with trained bert.* names, and keeps the source's", async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const head = [
    ramp('bert.pooler.dense.bias', 50, 4),
    ramp('classifier.weight', 60, 2, 4),
    ramp('classifier.bias', 70, 2),
  ];
  const trained = await trainedOf(source, [...encoderTensors(1000, KEPT_COUNT, 'bert.'), ...head]);
  const { checkpoint, result } = await restore(source, trained);
  assert.deepEqual(checkpoint.tensorNames, [
    'embeddings.LayerNorm.bias',
    'embeddings.LayerNorm.weight',
    WORD_EMBEDDINGS,
    'encoder.layer.0.output.dense.weight',
    'pooler.dense.bias',
    'classifier.weight',
    'classifier.bias',
  ]);
  assert.deepEqual(result.addedTensors, ['pooler.dense.bias', 'classifier.weight', 'classifier.bias']);
  assert.equal((await valuesOf(checkpoint, 'embeddings.LayerNorm.bias'))[0], 1000);
});

test('restoreCheckpoint gives the names of a task model where asked to', async () => {
  const source = await folderOf('source', [
    ...encoderTensors(0, ROW_COUNT, '', ['gamma', 'beta']),
    ramp('cls.bias', 1, 2),
  ]);
  const head = [ramp('bert.pooler.dense.bias', 50, 4), ramp('classifier.weight', 60, 2, 4)];
  const trained = await trainedOf(source, [...encoderTensors(1000, KEPT_COUNT, 'bert.'), ...head]);
  const { checkpoint } = await restore(source, trained, { tensorNames: 'task-model' });
  assert.deepEqual(checkpoint.tensorNames, [
    'bert.embeddings.LayerNorm.beta',
    'bert.embeddings.LayerNorm.gamma',
    `bert.${WORD_EMBEDDINGS}`,
    'bert.encoder.layer.0.output.dense.weight',
    'cls.bias',
    'bert.pooler.dense.bias',
    'classifier.weight',
  ]);
  assert.equal((await valuesOf(checkpoint, 'bert.embeddings.LayerNorm.beta'))[0], 1000);
});

test('restoreCheckpoint pairs a bert.* source with gamma and beta with trained names without prefix', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT, 'bert.', ['gamma', 'beta']));
  const head = [ramp('pooler.dense.weight', 50, 4, 4), ramp('classifier.weight', 60, 2, 4)];
  const trained = await trainedOf(source, [...encoderTensors(1000, KEPT_COUNT), ...head]);
  const { checkpoint } = await restore(source, trained);
  assert.deepEqual(checkpoint.tensorNames, [
    'bert.embeddings.LayerNorm.beta',
    'bert.embeddings.LayerNorm.gamma',
    `bert.${WORD_EMBEDDINGS}`,
    'bert.encoder.layer.0.output.dense.weight',
    'bert.pooler.dense.weight',
    'classifier.weight',
  ]);
  assert.equal((await valuesOf(checkpoint, 'bert.embeddings.LayerNorm.beta'))[0], 1000);
  assert.equal((await valuesOf(checkpoint, 'bert.embeddings.LayerNorm.gamma'))[0], 1010);
});

test('restoreCheckpoint keeps tensors that the trained checkpoint lacks, such as a pretraining head', async () => {
  const head = ramp('cls.predictions.bias', 500, ROW_COUNT);
  const source = await folderOf('source', [...encoderTensors(0, ROW_COUNT, 'bert.'), head]);
  const { checkpoint } = await restore(source, await trainedOf(source, encoderTensors(1000, KEPT_COUNT, 'bert.')));
  assert.deepEqual(await checkpoint.read(head.name), head.bytes);
});

test('restoreCheckpoint replaces a head of another number of labels, and the labels in config.json', async () => {
  const config = { ...CONFIG, id2label: { 0: 'a', 1: 'b', 2: 'c' }, label2id: { a: 0, b: 1, c: 2 }, problem_type: 'x' };
  const source = await folderOf(
    'source',
    [...encoderTensors(0, ROW_COUNT), ramp('classifier.weight', 1, 3, 4)],
    config,
  );
  const trainedConfig = {
    ...CONFIG,
    vocab_size: 6,
    pad_token_id: 5,
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'no', 1: 'yes' },
  };
  const trained = await trainedOf(
    source,
    [...encoderTensors(1000, KEPT_COUNT), ramp('classifier.weight', 60, 2, 4)],
    trainedConfig,
  );
  const { checkpoint, restored } = await restore(source, trained);
  assert.deepEqual(checkpoint.get('classifier.weight').shape, [2, 4]);
  assert.deepEqual(restored.json('config.json'), {
    ...CONFIG,
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'no', 1: 'yes' },
  });
});

test("restoreCheckpoint rounds trained float32 to the source's bfloat16 or float16, or keeps float32 where asked to", async () => {
  for (const dtype of ['BF16', 'F16'] as const) {
    const narrow = (tensor: TestTensor): TestTensor => ({
      ...tensor,
      dtype,
      bytes: fromFloat32(dtype, toFloat32('F32', tensor.bytes)),
    });
    const source = await folderOf('source', encoderTensors(0, ROW_COUNT).map(narrow), {
      ...CONFIG,
      torch_dtype: 'bfloat16',
    });
    const third = (tensor: TestTensor): TestTensor => ({
      ...tensor,
      bytes: fromFloat32(
        'F32',
        toFloat32('F32', tensor.bytes).map((value) => value / 3),
      ),
    });
    const tensors = [...encoderTensors(1000, KEPT_COUNT), ramp('classifier.weight', 1, 2, 4)].map(third);
    const trained = await trainedOf(source, tensors);

    const rounded = await restore(source, trained);
    assert.equal(rounded.checkpoint.get('classifier.weight').dtype, dtype);
    const row = (await valuesOf(rounded.checkpoint, WORD_EMBEDDINGS)).slice(0, 4);
    // 340, 340 1/3, 340 2/3 and 341 in steps of 2 (the last is a tie and goes to the even side) and of 0.25.
    assert.deepEqual(row, dtype === 'BF16' ? [340, 340, 340, 340] : [340, 340.25, 340.75, 341]);

    const kept = await restore(source, trained, { dtype: 'trained' });
    assert.equal(kept.checkpoint.get(WORD_EMBEDDINGS).dtype, 'F32');
    assert.equal(kept.restored.json('config.json')['torch_dtype'], 'float32');
    const all = await valuesOf(kept.checkpoint, WORD_EMBEDDINGS);
    assert.deepEqual(
      all.slice(0, 4),
      [1020, 1021, 1022, 1023].map((value) => Math.fround(value / 3)),
    );
    assert.deepEqual(all.slice(8, 12), [28, 29, 30, 31]);
  }
});

test('restoreCheckpoint multiplies rows that were not kept by unusedRowDecay and leaves the kept ones', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const trained = await trainedOf(source, encoderTensors(1000, KEPT_COUNT));
  const { checkpoint } = await restore(source, trained, { unusedRowDecay: 0.75 });
  const all = await valuesOf(checkpoint, WORD_EMBEDDINGS);
  assert.deepEqual(all.slice(8, 12), [28 * 0.75, 29 * 0.75, 30 * 0.75, 31 * 0.75]);
  assert.deepEqual(all.slice(12, 16), [1028, 1029, 1030, 1031]);
  for (const unusedRowDecay of [NaN, -1, 1.5, Infinity]) {
    await assert.rejects(restoreCheckpoint({ source, trained, destination: new MemoryFolder('no'), unusedRowDecay }), {
      code: 'INVALID_OPTION',
    });
  }
});

test('restoreCheckpoint adds new tensors to the last shard and to the index', async () => {
  const tensors = encoderTensors(0, ROW_COUNT);
  const shards = [tensors.slice(0, 3), tensors.slice(3)];
  const fileName = (index: number): string => `model-0000${index + 1}-of-00002.safetensors`;
  const weightMap = Object.fromEntries(
    shards.flatMap((shard, index) => shard.map(({ name }) => [name, fileName(index)] as const)).reverse(),
  );
  const source = new MemoryFolder('source', {
    'config.json': JSON.stringify(CONFIG),
    'vocab.txt': '[PAD]',
    'model.safetensors.index.json': JSON.stringify({
      metadata: { total_size: 288, total_parameters: 72 },
      weight_map: weightMap,
    }),
    [fileName(0)]: await fileOf(shards[0] ?? [], { format: 'pt' }),
    [fileName(1)]: await fileOf(shards[1] ?? []),
  });
  const trained = await trainedOf(source, [...encoderTensors(1000, KEPT_COUNT), ramp('classifier.bias', 7, 3)]);
  const { restored, checkpoint } = await restore(source, trained);
  const index = restored.json('model.safetensors.index.json');
  assert.deepEqual(index['weight_map'], { ...weightMap, 'classifier.bias': fileName(1) });
  assert.deepEqual(Object.keys(index['weight_map'] as object), [...Object.keys(weightMap), 'classifier.bias']);
  assert.deepEqual(index['metadata'], { total_size: 300, total_parameters: 72 });
  assert.deepEqual(
    checkpoint.shards.map(({ file }) => file.metadata),
    [{ format: 'pt' }, undefined],
  );
});

test('restoreCheckpoint keeps new tensors aligned behind tensors of odd length', async () => {
  const odd = { name: 'odd', dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) } as const;
  const source = await folderOf('source', [...encoderTensors(0, ROW_COUNT), odd]);
  const trained = await trainedOf(source, [...encoderTensors(1000, KEPT_COUNT), ramp('classifier.bias', 7, 3)]);
  const { checkpoint } = await restore(source, trained);
  assert.equal(checkpoint.get('classifier.bias').offsetBytes % 4, 0);
  assert.deepEqual(await valuesOf(checkpoint, 'classifier.bias'), [7, 8, 9]);
});

async function refuses(
  source: MemoryFolder,
  trained: MemoryFolder,
  expected: { code: string; message: RegExp },
): Promise<void> {
  const destination = new MemoryFolder('restored');
  await assert.rejects(restoreCheckpoint({ source, trained, destination }), { name: 'EmbeddingError', ...expected });
  assert.equal(destination.state, 'aborted');
  assert.equal(destination.files.size, 0);
}

test('restoreCheckpoint refuses a manifest that does not fit, and writes nothing', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const trained = await trainedOf(source, encoderTensors(1000, KEPT_COUNT));
  const withManifest = (change: Record<string, unknown>): MemoryFolder => {
    const manifest = { ...trained.json('pemmican-token-id-map.json'), ...change };
    const copy = new MemoryFolder('trained', Object.fromEntries(trained.files));
    copy.files.set('pemmican-token-id-map.json', new TextEncoder().encode(JSON.stringify(manifest)));
    return copy;
  };
  const code = 'MANIFEST_MISMATCH';
  const otherSource = await folderOf('other', encoderTensors(0.5, ROW_COUNT));
  await refuses(otherSource, trained, {
    code,
    message:
      /trained\/pemmican-token-id-map\.json: does not fit: the fingerprint of other is sha256:\w+, the map says sha256:/,
  });
  await refuses(source, withManifest({ keptTokenIds: [0, 1, 3, 7, 8, 10] }), {
    code,
    message: /digest of the kept token ids/,
  });
  const larger = await folderOf('larger', encoderTensors(0, 13), { ...CONFIG, vocab_size: 13 });
  await refuses(larger, trained, {
    code,
    message: /number of rows of "embeddings.word_embeddings.weight" in larger is 13, the map says 12/,
  });
  const fewer = await trainedOf(source, encoderTensors(1000, KEPT_COUNT - 1));
  await refuses(source, fewer, { code, message: /number of rows .* in trained is 5, the map says 6/ });
});

test('restoreCheckpoint refuses a trained folder without a manifest', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  await refuses(source, await folderOf('trained', encoderTensors(0, KEPT_COUNT)), {
    code: 'MISSING_FILE',
    message: /trained: has no pemmican-token-id-map\.json/,
  });
});

test('restoreCheckpoint refuses tensors of another shape, dtypes that cannot be converted, and doubles', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const tensors = encoderTensors(1000, KEPT_COUNT);
  const dense = tensors.pop();
  assert.ok(dense);
  const wider = await trainedOf(source, [...tensors, ramp(dense.name, 0, 4, 5)]);
  await refuses(source, wider, {
    code: 'SHAPE_MISMATCH',
    message: /"encoder.layer.0.output.dense.weight" is \[4, 5\], the source's .* is \[4, 4\]/,
  });
  const integers = await trainedOf(source, [...tensors, { ...dense, dtype: 'I32' }]);
  await refuses(source, integers, { code: 'UNSUPPORTED_DTYPE', message: /is I32 and cannot be written as F32/ });
  const twice = await trainedOf(source, [...tensors, dense, ramp(`bert.${dense.name}`, 0, 4, 4)]);
  await refuses(source, twice, { code: 'SHAPE_MISMATCH', message: /has the same tensor twice/ });
});

test('verifyRestored finds a changed bit in an unused row, a used row and another tensor, and a lost tensor', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const trained = await trainedOf(source, encoderTensors(1000, KEPT_COUNT));
  const { restored, checkpoint } = await restore(source, trained);
  const flip = (offset: number): void => {
    const file = restored.files.get('model.safetensors');
    assert.ok(file);
    file[offset] = (file[offset] ?? 0) ^ 1;
  };
  const rows = checkpoint.get(WORD_EMBEDDINGS).offsetBytes;
  const dense = checkpoint.get('encoder.layer.0.output.dense.weight').offsetBytes;
  for (const [offset, problem] of [
    [rows + 2 * 16 + 5, 'row 2 is not that of source'],
    [rows + 3 * 16, 'row 3 is not that of trained'],
    [dense + 63, 'differs from trained at byte 63'],
  ] as const) {
    flip(offset);
    const report = await verifyRestored({ source, trained, restored });
    assert.deepEqual(
      report.problems.map(({ message }) => message),
      [problem],
    );
    assert.equal(report.isIdentical, false);
    flip(offset);
  }
  const without = await folderOf('without', encoderTensors(0, ROW_COUNT).slice(1), { ...CONFIG, pad_token_id: 1 });
  const { problems } = await verifyRestored({ source, trained, restored: without });
  assert.deepEqual(
    problems.filter(({ message }) => message === 'is missing').map(({ subject }) => subject),
    ['embeddings.LayerNorm.bias'],
  );
  assert.ok(
    problems.some(({ subject, message }) => subject === 'config.json' && message.includes('"pad_token_id" is 1')),
  );
});
