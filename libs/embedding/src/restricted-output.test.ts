import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Checkpoint } from '@pemmican/safetensors';

import { fileOf, MemoryFolder, type TestTensor } from '../test/memory-folder.ts';
import {
  CONFIG,
  encoderTensors,
  folderOf,
  HIDDEN_SIZE,
  KEPT_TOKEN_IDS,
  ramp,
  ROW_COUNT,
  smallTokenIdMap,
} from '../test/small-bert.ts';
import { rowsOf } from '../test/tensor-values.ts';
import { readManifest, reduceCheckpoint, restoreCheckpoint, verifyRestored } from './mod.ts';

const BIAS = 'cls.predictions.bias';
const DECODER = 'cls.predictions.decoder.weight';
const TRANSFORM = 'cls.predictions.transform.dense.weight';
const EMBEDDING = 'bert.embeddings.word_embeddings.weight';

/** A masked language model; with a decoder, its output matrix is not tied. */
const tensorsOf = (isTied: boolean, first: number, rowCount: number): TestTensor[] => [
  ...encoderTensors(first, rowCount, 'bert.'),
  ramp(BIAS, first + 400, rowCount),
  // As long as the vocabulary in no dimension.
  ramp(TRANSFORM, first + 500, HIDDEN_SIZE, HIDDEN_SIZE),
  ...(isTied ? [] : [ramp(DECODER, first + 600, rowCount, HIDDEN_SIZE)]),
];

async function reduced(source: MemoryFolder, restrictsOutput: boolean): Promise<MemoryFolder> {
  const destination = new MemoryFolder('reduced');
  const tokenIdMap = smallTokenIdMap();
  await reduceCheckpoint({ source, destination, tokenIdMap, pemmicanVersion: 'test', restrictsOutput });
  return destination;
}

async function rowsIn(folder: MemoryFolder, name: string): Promise<number[][]> {
  return rowsOf(await Checkpoint.open(folder), name);
}

test('reduceCheckpoint leaves the output side whole, and its manifest names the embedding alone', async () => {
  const config = { ...CONFIG, tie_word_embeddings: false };
  const source = await folderOf('source', tensorsOf(false, 0, ROW_COUNT), config);
  const folder = await reduced(source, false);
  for (const name of [BIAS, DECODER, TRANSFORM])
    assert.deepEqual(await rowsIn(folder, name), await rowsIn(source, name), name);
  const { reducedTensors, tiedEmbeddings } = await readManifest(folder);
  assert.deepEqual(
    reducedTensors.map(({ name }) => name),
    [EMBEDDING],
  );
  assert.equal(tiedEmbeddings, false);
});

for (const isTied of [true, false])
  test(`reduceCheckpoint with restrictsOutput keeps the same rows of everything as long as the vocabulary, and restore brings all back: ${isTied ? 'tied' : 'untied'}`, async () => {
    const config = { ...CONFIG, tie_word_embeddings: isTied };
    const source = await folderOf('source', tensorsOf(isTied, 0, ROW_COUNT), config);
    const folder = await reduced(source, true);
    const selected = [EMBEDDING, BIAS, ...(isTied ? [] : [DECODER])];
    for (const name of selected) {
      const before = await rowsIn(source, name);
      assert.deepEqual(
        await rowsIn(folder, name),
        KEPT_TOKEN_IDS.map((id) => before[id]),
        name,
      );
    }
    assert.deepEqual(await rowsIn(folder, TRANSFORM), await rowsIn(source, TRANSFORM));
    const manifest = await readManifest(folder);
    assert.deepEqual(
      manifest.reducedTensors.map(({ name, fullShape, reducedShape }) => [name, fullShape[0], reducedShape[0]]),
      selected.map((name) => [name, ROW_COUNT, KEPT_TOKEN_IDS.length]),
    );
    assert.equal(manifest.tiedEmbeddings, isTied);

    const trained = await folderOf('trained', tensorsOf(isTied, 10_000, KEPT_TOKEN_IDS.length), config);
    trained.files.set('pemmican-token-id-map.json', folder.files.get('pemmican-token-id-map.json')!);
    const destination = new MemoryFolder('restored');
    await restoreCheckpoint({ source, trained, destination, unusedRowDecay: 0.5 });
    for (const name of selected) {
      const [before, after] = [await rowsIn(source, name), await rowsIn(trained, name)];
      // Only rows of the embedding were ever decayed.
      const decay = name === EMBEDDING ? 0.5 : 1;
      const expected = before.map((row, id) => {
        const kept = KEPT_TOKEN_IDS.findIndex((keptId) => keptId === id);
        return kept < 0 ? row.map((value) => value * decay) : after[kept];
      });
      assert.deepEqual(await rowsIn(destination, name), expected, name);
    }
    assert.deepEqual(await rowsIn(destination, TRANSFORM), await rowsIn(trained, TRANSFORM));
    const report = await verifyRestored({ source, trained, restored: destination, unusedRowDecay: 0.5 });
    assert.deepEqual(report.problems, []);
    // A changed row of the bias is seen.
    const changed = new MemoryFolder('changed', Object.fromEntries(destination.files));
    const weights = changed.files.get('model.safetensors')!.slice();
    const checkpoint = await Checkpoint.open(changed);
    const bias = checkpoint.get(BIAS);
    const dataStart = weights.length - dataBytes(checkpoint) - firstOffset(checkpoint);
    weights[dataStart + bias.offsetBytes + 4 * 2]! ^= 1;
    changed.files.set('model.safetensors', weights);
    const seen = await verifyRestored({ source, trained, restored: changed, unusedRowDecay: 0.5 });
    assert.deepEqual(
      seen.problems.map(({ subject, message }) => [subject, message.split(' ').slice(0, 2).join(' ')]),
      [[BIAS, 'row 2']],
    );
  });

const dataBytes = (checkpoint: Checkpoint): number =>
  checkpoint.tensorNames.reduce((sum, name) => sum + checkpoint.get(name).lengthBytes, 0);
const firstOffset = (checkpoint: Checkpoint): number =>
  Math.min(...checkpoint.tensorNames.map((name) => checkpoint.get(name).offsetBytes));

test('restoreCheckpoint refuses an output side that was not trained with the kept rows', async () => {
  const source = await folderOf('source', tensorsOf(true, 0, ROW_COUNT));
  const folder = await reduced(source, true);
  const wrong = tensorsOf(true, 10_000, KEPT_TOKEN_IDS.length).map((tensor) =>
    tensor.name === BIAS ? ramp(BIAS, 0, ROW_COUNT) : tensor,
  );
  const trained = new MemoryFolder('trained', {
    'config.json': JSON.stringify(CONFIG),
    'model.safetensors': await fileOf(wrong),
    'pemmican-token-id-map.json': folder.files.get('pemmican-token-id-map.json')!,
  });
  const destination = new MemoryFolder('restored');
  await assert.rejects(restoreCheckpoint({ source, trained, destination }), {
    code: 'SHAPE_MISMATCH',
    message: /tensor "cls\.predictions\.bias" is \[12\], the source's .* is \[12\], reduced to \[6\]/,
  });
  assert.equal(destination.files.size, 0);
});
