import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Checkpoint } from '@pemmican/safetensors';

import { MemoryFolder, type TestTensor } from '../test/memory-folder.ts';
import { folderOf, HIDDEN_SIZE, KEPT_TOKEN_IDS, ramp, ROW_COUNT, smallTokenIdMap } from '../test/small-bert.ts';
import { valuesOf } from '../test/tensor-values.ts';
import { readManifest, reduceCheckpoint, restoreCheckpoint, verifyRestored, type RestoreInputs } from './mod.ts';

const CONFIG = { model_type: 't5', is_encoder_decoder: true, pad_token_id: 0, vocab_size: ROW_COUNT };
const SHARED = 'shared.weight';
const INPUTS = ['decoder.embed_tokens.weight', 'encoder.embed_tokens.weight', SHARED];
const OUTPUT = 'lm_head.weight';
const NORM = 'encoder.final_layer_norm.weight';

const matrix = (name: string, first: number, rowCount: number): TestTensor => ramp(name, first, rowCount, HIDDEN_SIZE);
/** A T5 whose matrix has these names; the names come first, as in sorted files. */
const t5Of = (names: readonly string[], first: number, rowCount: number): TestTensor[] => [
  ...names.map((name) => matrix(name, first, rowCount)),
  ramp(NORM, first + 500, HIDDEN_SIZE),
];

async function reduce(source: MemoryFolder, restrictsOutput: boolean): Promise<MemoryFolder> {
  const destination = new MemoryFolder('reduced');
  const options = { source, destination, tokenIdMap: smallTokenIdMap(), pemmicanVersion: 'test' };
  await reduceCheckpoint({ ...options, restrictsOutput });
  return destination;
}

/** A trained folder with these tensors and the manifest of a reduction of `source`. */
async function trainedOf(
  source: MemoryFolder,
  tensors: readonly TestTensor[],
  restrictsOutput = false,
): Promise<MemoryFolder> {
  const reduced = await reduce(source, restrictsOutput);
  const trained = await folderOf('trained', tensors, CONFIG);
  trained.files.set('pemmican-token-id-map.json', reduced.files.get('pemmican-token-id-map.json')!);
  return trained;
}

async function restore(inputs: RestoreInputs): Promise<MemoryFolder> {
  const restored = new MemoryFolder('restored');
  await restoreCheckpoint({ ...inputs, destination: restored });
  const report = await verifyRestored({ ...inputs, restored });
  assert.deepEqual(report.problems, []);
  // Of the one matrix, however many names it has.
  assert.deepEqual([report.trainedRowCount, report.unusedRowCount], [6, 6]);
  return restored;
}

async function valuesIn(folder: MemoryFolder, name: string): Promise<number[]> {
  return valuesOf(await Checkpoint.open(folder), name);
}

/** The rows of a ramp from `source` on, the kept ones from `trained` on. */
const mergedRows = (source: number, trained: number, decay = 1): number[] =>
  Array.from({ length: ROW_COUNT }, (_, id) => {
    const row = KEPT_TOKEN_IDS.findIndex((kept) => kept === id);
    return [0, 1, 2, 3].map((column) =>
      row < 0 ? (source + id * HIDDEN_SIZE + column) * decay : trained + row * HIDDEN_SIZE + column,
    );
  }).flat();
const keptRows = KEPT_TOKEN_IDS.flatMap((id) => [0, 1, 2, 3].map((column) => 20 + id * HIDDEN_SIZE + column));

for (const restrictsOutput of [false, true])
  test(`reduceCheckpoint keeps the same rows of the matrix by every name, the output's only with restrictsOutput (${restrictsOutput})`, async () => {
    const source = await folderOf('source', t5Of([...INPUTS, OUTPUT], 20, ROW_COUNT), CONFIG);
    const reduced = await reduce(source, restrictsOutput);
    for (const name of INPUTS) assert.deepEqual(await valuesIn(reduced, name), keptRows, name);
    assert.deepEqual(
      await valuesIn(reduced, OUTPUT),
      restrictsOutput ? keptRows : await valuesIn(source, OUTPUT),
      OUTPUT,
    );
    const manifest = await readManifest(reduced);
    assert.deepEqual(
      new Set(manifest.reducedTensors.map(({ name }) => name)),
      new Set(restrictsOutput ? [...INPUTS, OUTPUT] : INPUTS),
    );
    assert.equal(manifest.tiedEmbeddings, true);
  });

test('reduceCheckpoint says that an output matrix that differs is not tied, whatever the config says', async () => {
  const other = matrix(OUTPUT, 21, ROW_COUNT);
  const source = await folderOf('source', [...t5Of(INPUTS, 20, ROW_COUNT), other], {
    ...CONFIG,
    tie_word_embeddings: true,
  });
  const reduced = await reduce(source, false);
  assert.equal((await readManifest(reduced)).tiedEmbeddings, false);
  assert.deepEqual(await valuesIn(reduced, OUTPUT), await valuesIn(source, OUTPUT));
});

test('reduceCheckpoint refuses input matrices that differ, and names both', async () => {
  const refuses = async (tensors: readonly TestTensor[], message: RegExp): Promise<void> => {
    const source = await folderOf('source', tensors, CONFIG);
    const destination = new MemoryFolder('reduced');
    const options = { source, destination, tokenIdMap: smallTokenIdMap(), pemmicanVersion: 'test' };
    await assert.rejects(reduceCheckpoint(options), { name: 'EmbeddingError', code: 'UNSUPPORTED_MODEL', message });
    assert.equal(destination.state, 'aborted');
    assert.equal(destination.files.size, 0);
  };
  const [first, ...others] = t5Of([...INPUTS], 20, ROW_COUNT);
  const changed = first!.bytes.slice();
  // The last element's sign.
  changed[changed.length - 1]! ^= 0x80;
  await refuses(
    [{ ...first!, bytes: changed }, ...others],
    /^source: has two word embedding matrices, "shared\.weight" and "decoder\.embed_tokens\.weight", which differ \(at byte 191 of 192\)/,
  );
  await refuses(
    [matrix(INPUTS[0]!, 20, ROW_COUNT - 1), ...others],
    /"shared\.weight" and "decoder\.embed_tokens\.weight", which differ \(F32 \[12, 4\] and F32 \[11, 4\]\)/,
  );
});

test('restoreCheckpoint puts the rows of a matrix that was trained by one name back under every name', async () => {
  const source = await folderOf('source', t5Of([...INPUTS, OUTPUT], 20, ROW_COUNT), CONFIG);
  for (const [restrictsOutput, trainedName] of [
    [false, SHARED],
    [true, SHARED],
    [false, INPUTS[0]!],
  ] as const) {
    const trained = await trainedOf(source, t5Of([trainedName], 1000, KEPT_TOKEN_IDS.length), restrictsOutput);
    const restored = await restore({ source, trained, unusedRowDecay: 0.5 });
    for (const name of [...INPUTS, OUTPUT])
      assert.deepEqual(await valuesIn(restored, name), mergedRows(20, 1000, 0.5), name);
    assert.equal((await valuesIn(restored, NORM))[0], 1500);
  }
});

test('restoreCheckpoint gives the names of the source where the trained checkpoint has more', async () => {
  const source = await folderOf('source', t5Of([SHARED], 20, ROW_COUNT), CONFIG);
  const trained = await trainedOf(source, t5Of([...INPUTS, OUTPUT], 1000, KEPT_TOKEN_IDS.length));
  const restored = await restore({ source, trained });
  assert.deepEqual((await Checkpoint.open(restored)).tensorNames, [SHARED, NORM]);
  assert.deepEqual(await valuesIn(restored, SHARED), mergedRows(20, 1000));
});

test('restoreCheckpoint keeps an output matrix that training made one of its own', async () => {
  const source = await folderOf('source', t5Of([...INPUTS, OUTPUT], 20, ROW_COUNT), CONFIG);
  const own = matrix(OUTPUT, 2000, KEPT_TOKEN_IDS.length);
  const trained = await trainedOf(source, [...t5Of([SHARED], 1000, KEPT_TOKEN_IDS.length), own], true);
  const restored = await restore({ source, trained, unusedRowDecay: 0.5 });
  for (const name of INPUTS) assert.deepEqual(await valuesIn(restored, name), mergedRows(20, 1000, 0.5), name);
  assert.deepEqual(await valuesIn(restored, OUTPUT), mergedRows(20, 2000));
});

test('restoreCheckpoint refuses a trained checkpoint whose copies have grown apart', async () => {
  const source = await folderOf('source', t5Of(INPUTS, 20, ROW_COUNT), CONFIG);
  const apart = [matrix(INPUTS[0]!, 1001, KEPT_TOKEN_IDS.length), ...t5Of([SHARED], 1000, KEPT_TOKEN_IDS.length)];
  const destination = new MemoryFolder('restored');
  await assert.rejects(restoreCheckpoint({ source, trained: await trainedOf(source, apart), destination }), {
    code: 'UNSUPPORTED_MODEL',
    message: /^trained: .*"shared\.weight" and "decoder\.embed_tokens\.weight", which differ \(at byte/,
  });
  assert.equal(destination.files.size, 0);
});

test('verifyRestored finds a changed row of a copy', async () => {
  const source = await folderOf('source', t5Of(INPUTS, 20, ROW_COUNT), CONFIG);
  const trained = await trainedOf(source, t5Of([SHARED], 1000, KEPT_TOKEN_IDS.length));
  const restored = await restore({ source, trained });
  const bytes = restored.files.get('model.safetensors')!;
  const copy = (await Checkpoint.open(restored)).get(INPUTS[1]!);
  bytes[copy.offsetBytes + 2 * HIDDEN_SIZE * 4]! ^= 1;
  const { problems } = await verifyRestored({ source, trained, restored });
  assert.deepEqual(problems, [{ subject: INPUTS[1], message: 'row 2 is not that of source' }]);
});
