import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Checkpoint, DTYPE_SIZE_BITS, type Dtype } from '@pemmican/safetensors';
import { TOKEN_ID_MAP_FILE_NAME, TokenIdMap } from '@pemmican/vocabulary';

import { fileOf, MemoryFolder, randomIntegers, type TestTensor } from '../test/memory-folder.ts';
import { reduceCheckpoint, restoreCheckpoint, verifyRestored } from './mod.ts';

const DTYPES: readonly Dtype[] = ['F32', 'BF16', 'F16', 'F64', 'I8', 'F8_E4M3'];
const WORD_EMBEDDINGS = 'embeddings.word_embeddings.weight';

interface Case {
  readonly source: MemoryFolder;
  readonly tokenIdMap: TokenIdMap;
  readonly rowBytes: number;
}

/** A checkpoint of random shape, dtype and sharding, with random bits for weights. */
async function randomCase(seed: number): Promise<Case> {
  const below = randomIntegers(seed);
  const rowCount = 1 + below(seed % 3 === 0 ? 9_000 : 300);
  const hiddenSize = 1 + below(seed % 5 === 0 ? 700 : 40);
  const dtype = DTYPES[seed % DTYPES.length] ?? 'F32';
  const tensor = (name: string, type: Dtype, ...shape: number[]): TestTensor => {
    const length = shape.reduce((product, size) => product * size, DTYPE_SIZE_BITS[type] / 8);
    return { name, dtype: type, shape, bytes: Uint8Array.from({ length }, () => below(256)) };
  };
  const tensors = [
    tensor('embeddings.position_ids', 'I64', 1, 1 + below(20)),
    tensor('embeddings.LayerNorm.weight', dtype, hiddenSize),
    tensor(WORD_EMBEDDINGS, dtype, rowCount, hiddenSize),
    tensor('encoder.layer.0.odd', 'U8', below(14)),
    tensor('encoder.layer.0.scalar', 'F32'),
    tensor('pooler.dense.weight', dtype, hiddenSize, hiddenSize),
  ];
  const common = {
    'config.json': `{"model_type":"bert","vocab_size":${rowCount},"layer_norm_eps":1e-12,"dropout":1.0}`,
    'vocab.txt': '[PAD]\n[UNK]\n',
    'generation_config.json': '{"eos_token_id":1}',
  };
  const keepShare = [1, 2, 10, 100][seed % 4] ?? 2;
  const kept = Array.from({ length: rowCount }, (_, id) => id).filter(() => below(keepShare) === 0);
  if (kept.length === 0) kept.push(below(rowCount));
  const tokenIdMap = TokenIdMap.create(rowCount, Uint32Array.from(kept));
  const rowBytes = (hiddenSize * DTYPE_SIZE_BITS[dtype]) / 8;
  if (seed % 2 === 0) {
    const source = new MemoryFolder('source', {
      ...common,
      'model.safetensors': await fileOf(tensors, { format: 'pt', note: 'é' }),
    });
    return { source, tokenIdMap, rowBytes };
  }
  const shards = [tensors.slice(0, 2), tensors.slice(2, 4), tensors.slice(4)];
  const fileName = (index: number): string => `model-0000${index + 1}-of-00003.safetensors`;
  const weightMap = Object.fromEntries(
    shards.flatMap((shard, index) => shard.map(({ name }) => [name, fileName(index)])),
  );
  const total = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const files: Record<string, Uint8Array | string> = {
    ...common,
    'model.safetensors.index.json': `${JSON.stringify({ metadata: { total_size: total }, weight_map: weightMap }, null, 2)}\n`,
  };
  for (const [index, shard] of shards.entries()) files[fileName(index)] = await fileOf(shard, { format: 'pt' });
  return { source: new MemoryFolder('source', files), tokenIdMap, rowBytes };
}

for (let seed = 1; seed <= 30; seed++) {
  test(`reduceCheckpoint then restoreCheckpoint give back every bit (random case ${seed})`, async () => {
    const { source, tokenIdMap, rowBytes } = await randomCase(seed);
    const reduced = new MemoryFolder('reduced');
    await reduceCheckpoint({ source, destination: reduced, tokenIdMap, pemmicanVersion: 'test' });

    const before = await (await Checkpoint.open(source)).read(WORD_EMBEDDINGS);
    const after = await (await Checkpoint.open(reduced)).read(WORD_EMBEDDINGS);
    assert.equal(after.length, tokenIdMap.reducedVocabSize * rowBytes);
    for (const [row, id] of tokenIdMap.keptTokenIds.entries()) {
      assert.deepEqual(
        after.subarray(row * rowBytes, (row + 1) * rowBytes),
        before.subarray(id * rowBytes, (id + 1) * rowBytes),
      );
    }

    const restored = new MemoryFolder('restored');
    await restoreCheckpoint({ source, trained: reduced, destination: restored });
    assert.deepEqual(await restored.list(), await source.list());
    for (const fileName of await source.list()) {
      assert.deepEqual(restored.files.get(fileName), source.files.get(fileName), fileName);
    }
    assert.match(reduced.text('config.json'), /"layer_norm_eps": ?1e-12,\s*"dropout": ?1\.0\s*\}/);
    assert.equal(restored.files.has(TOKEN_ID_MAP_FILE_NAME), false);
    // It names ids of the full vocabulary.
    assert.equal(reduced.files.has('generation_config.json'), false);

    const report = await verifyRestored({ source, trained: reduced, restored });
    assert.deepEqual(report.problems, []);
    assert.equal(report.trainedRowCount, tokenIdMap.reducedVocabSize);
    assert.equal(report.unusedRowCount, tokenIdMap.fullVocabSize - tokenIdMap.reducedVocabSize);
  });

  test(`restoreCheckpoint puts changed rows in their places and nowhere else (random case ${seed})`, async () => {
    const { source, tokenIdMap, rowBytes } = await randomCase(seed);
    const trained = new MemoryFolder('trained');
    await reduceCheckpoint({ source, destination: trained, tokenIdMap, pemmicanVersion: 'test' });
    const checkpoint = await Checkpoint.open(trained);
    const shard = checkpoint.shards.find(({ file }) => file.tensors.has(WORD_EMBEDDINGS));
    const info = checkpoint.get(WORD_EMBEDDINGS);
    const file = trained.files.get(shard?.fileName ?? '');
    assert.ok(file);
    for (let at = info.offsetBytes; at < info.offsetBytes + info.lengthBytes; at++) file[at] = (file[at] ?? 0) ^ 0xff;

    const restored = new MemoryFolder('restored');
    await restoreCheckpoint({ source, trained, destination: restored });
    const before = await (await Checkpoint.open(source)).read(WORD_EMBEDDINGS);
    const after = await (await Checkpoint.open(restored)).read(WORD_EMBEDDINGS);
    for (let id = 0; id < tokenIdMap.fullVocabSize; id++) {
      const flip = tokenIdMap.toReducedId(id) >= 0 ? 0xff : 0;
      const expected = before.subarray(id * rowBytes, (id + 1) * rowBytes).map((byte) => byte ^ flip);
      assert.deepEqual(after.subarray(id * rowBytes, (id + 1) * rowBytes), expected, `row ${id}`);
    }
    assert.equal((await verifyRestored({ source, trained, restored })).isIdentical, true);
  });
}
