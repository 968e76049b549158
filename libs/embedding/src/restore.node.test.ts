import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { encodeHeader, entryOf, SafetensorsFile, writeSafetensors, type TensorEntry } from '@pemmican/safetensors';
import { createFolder, openByteSource, openFolder } from '@pemmican/storage';
import { modelFolder, oraclePython } from '@pemmican/testkit';
import { TokenIdMap } from '@pemmican/vocabulary';

import { randomIntegers } from '../test/memory-folder.ts';
import { reduceCheckpoint, restoreCheckpoint, verifyRestored } from './mod.ts';

const SOURCE = modelFolder('all-MiniLM-L6-v2');
let root = '';
let trainedFolder = '';
let keptTokenIds: number[] = [];

/** A trained checkpoint as a trainer writes it: every weight changed, `bert.` names or the source's, a head. */
async function train(
  reduced: string,
  destination: string,
  naming: 'prefixed' | 'source',
  withoutPooler = false,
): Promise<void> {
  const file = await SafetensorsFile.open(await openByteSource(join(reduced, 'model.safetensors')));
  const entries: TensorEntry[] = [];
  for (const { name, dtype, shape } of file.tensors.values()) {
    if (name === 'embeddings.position_ids' || (withoutPooler && name.startsWith('pooler.'))) continue;
    const values = new Float32Array((await file.read(name)).buffer).map((value) => value * 1.25 + 0.001);
    entries.push(entryOf(naming === 'prefixed' ? `bert.${name}` : name, dtype, shape, new Uint8Array(values.buffer)));
  }
  const head = Float32Array.from({ length: 2 * 384 }, (_, index) => Math.sin(index));
  entries.push(entryOf('classifier.weight', 'F32', [2, 384], new Uint8Array(head.buffer)));
  entries.push(entryOf('classifier.bias', 'F32', [2], new Uint8Array(Float32Array.of(0.5, -0.5).buffer)));
  await file.source.close();
  const config = JSON.parse(await readFile(join(reduced, 'config.json'), 'utf8')) as Record<string, unknown>;
  Object.assign(config, {
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'negative', 1: 'positive' },
    label2id: { negative: 0, positive: 1 },
    problem_type: 'single_label_classification',
  });
  const writer = await createFolder(destination);
  await writer.write('model.safetensors', (sink) => writeSafetensors(sink, entries, { format: 'pt' }));
  await writer.write('config.json', (sink) => sink.write(new TextEncoder().encode(JSON.stringify(config))));
  const manifest = await readFile(join(reduced, 'pemmican-token-id-map.json'));
  await writer.write('pemmican-token-id-map.json', (sink) => sink.write(manifest));
  await writer.commit();
}

async function reduceTo(source: string, destination: string): Promise<void> {
  await reduceCheckpoint({
    source: await openFolder(source),
    destination: await createFolder(destination),
    tokenIdMap: TokenIdMap.create(30_522, Uint32Array.from(keptTokenIds)),
    pemmicanVersion: 'test',
  });
}

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'pemmican-restore-'));
  const below = randomIntegers(7);
  keptTokenIds = Array.from({ length: 30_522 }, (_, id) => id).filter((id) => id < 1000 || below(9) === 0);
  await reduceTo(SOURCE, join(root, 'reduced'));
  trainedFolder = join(root, 'trained');
  await train(join(root, 'reduced'), trainedFolder, 'prefixed');
});
after(() => rm(root, { recursive: true }));

interface OracleAnswer {
  readonly [field: string]: unknown;
}

function openInTransformers(folder: string, source: string, trained: string): OracleAnswer {
  const script = join(import.meta.dirname, '../test/open_restored.py');
  const output = execFileSync(oraclePython(), [script, folder, source, trained, JSON.stringify(keptTokenIds)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
    maxBuffer: 1_000_000,
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as OracleAnswer;
}

const GOOD_ANSWER = {
  class: 'BertForSequenceClassification',
  missing: [],
  mismatched: [],
  rowsEqual: true,
  loadedEqual: true,
  headEqual: true,
  poolerEqual: true,
  vocabSize: 30_522,
  labels: { 0: 'negative', 1: 'positive' },
  metadata: { format: 'pt' },
  finite: true,
};

test('restoreCheckpoint of MiniLM, a source without prefix, opens in transformers with no missing and no unexpected key', async () => {
  const restored = join(root, 'restored-prefixed');
  const inputs = { source: await openFolder(SOURCE), trained: await openFolder(trainedFolder) };
  await restoreCheckpoint({ ...inputs, destination: await createFolder(restored) });
  const report = await verifyRestored({ ...inputs, restored: await openFolder(restored) });
  assert.deepEqual(report.problems, []);
  assert.equal(report.trainedRowCount, keptTokenIds.length);
  assert.equal(report.unusedRowCount, 30_522 - keptTokenIds.length);

  const answer = openInTransformers(restored, SOURCE, trainedFolder);
  assert.deepEqual(answer, { ...GOOD_ANSWER, unexpected: [], names: answer['names'] });
  for (const fileName of [
    'tokenizer.json',
    'vocab.txt',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'LICENSE',
    'NOTICE',
  ]) {
    assert.deepEqual(await readFile(join(restored, fileName)), await readFile(join(SOURCE, fileName)), fileName);
  }
});

test('restoreCheckpoint with the names of a task model opens in transformers just as well', async () => {
  const restored = join(root, 'restored-task-model');
  const inputs = {
    source: await openFolder(SOURCE),
    trained: await openFolder(trainedFolder),
    tensorNames: 'task-model' as const,
  };
  await restoreCheckpoint({ ...inputs, destination: await createFolder(restored) });
  assert.deepEqual((await verifyRestored({ ...inputs, restored: await openFolder(restored) })).problems, []);
  const answer = openInTransformers(restored, SOURCE, trainedFolder);
  assert.deepEqual(answer, { ...GOOD_ANSWER, unexpected: [], names: answer['names'] });
});

test("restoreCheckpoint takes trained tensors under the source's names just as well", async () => {
  const trained = join(root, 'trained-source-names');
  await train(join(root, 'reduced'), trained, 'source');
  await restoreCheckpoint({
    source: await openFolder(SOURCE),
    trained: await openFolder(trained),
    destination: await createFolder(join(root, 'restored-source-names')),
  });
  const digest = async (folder: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(join(root, folder, 'model.safetensors')))
      .digest('hex');
  assert.equal(await digest('restored-source-names'), await digest('restored-prefixed'));
});

test('restoreCheckpoint of a bert.* source in bfloat16 with a new pooler opens in transformers', async () => {
  const source = join(root, 'source-bfloat16');
  const file = await SafetensorsFile.open(await openByteSource(join(SOURCE, 'model.safetensors')));
  const kept = [...file.tensors.values()].filter(({ name, dtype }) => dtype === 'F32' && !name.startsWith('pooler.'));
  const writer = await createFolder(source);
  await writer.write('model.safetensors', async (sink) => {
    const rename = (name: string): string =>
      `bert.${name}`.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
    await sink.write(
      encodeHeader(
        kept.map(({ name, shape }) => ({ name: rename(name), dtype: 'BF16', shape })),
        { format: 'pt' },
      ),
    );
    for (const { name } of kept) {
      // bfloat16 by cutting off: any value will do here.
      const words = new Uint32Array((await file.read(name)).buffer);
      await sink.write(new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer));
    }
  });
  const config = JSON.parse(await readFile(join(SOURCE, 'config.json'), 'utf8')) as Record<string, unknown>;
  await writer.write('config.json', (sink) =>
    sink.write(new TextEncoder().encode(JSON.stringify({ ...config, dtype: 'bfloat16' }))),
  );
  const tokenizer = await readFile(join(SOURCE, 'tokenizer.json'));
  await writer.write('tokenizer.json', (sink) => sink.write(tokenizer));
  await writer.commit();
  await file.source.close();
  await reduceTo(source, join(root, 'reduced-bfloat16'));
  // What a trainer in float32 makes of it: the float32 run above, with this reduction's manifest.
  const trained = join(root, 'trained-for-bfloat16');
  await train(join(root, 'reduced'), trained, 'prefixed');
  await writeFile(
    join(trained, 'pemmican-token-id-map.json'),
    await readFile(join(root, 'reduced-bfloat16', 'pemmican-token-id-map.json')),
  );

  const restored = join(root, 'restored-bfloat16');
  const inputs = { source: await openFolder(source), trained: await openFolder(trained) };
  const { addedTensors } = await restoreCheckpoint({ ...inputs, destination: await createFolder(restored) });
  assert.deepEqual(addedTensors.toSorted(), [
    'bert.pooler.dense.bias',
    'bert.pooler.dense.weight',
    'classifier.bias',
    'classifier.weight',
  ]);
  assert.equal((await verifyRestored({ ...inputs, restored: await openFolder(restored) })).isIdentical, true);
  const answer = openInTransformers(restored, source, trained);
  // Head and pooler are rounded to the source's dtype.
  assert.deepEqual(answer, {
    ...GOOD_ANSWER,
    unexpected: [],
    headEqual: false,
    poolerEqual: false,
    names: answer['names'],
  });
});

test('restoreCheckpoint killed at any moment leaves nothing or a whole folder, and the next one cleans up', async () => {
  const expected = createHash('sha256')
    .update(await readFile(join(root, 'restored-prefixed', 'model.safetensors')))
    .digest('hex');
  const script = join(import.meta.dirname, '../test/restore-child.ts');
  const parent = join(root, 'killed');
  const below = randomIntegers(11);
  const outcomes = { nothing: 0, whole: 0 };
  let wholeMs = 400;
  for (let round = 0; round < 22; round++) {
    // Every other round replaces what is there, with the previous round's folder or a whole one in the way.
    const overwrite = round % 2 === 1;
    const destination = join(parent, overwrite ? 'replaced' : `out-${round}`);
    const child = spawn(
      process.execPath,
      [script, SOURCE, trainedFolder, destination, ...(overwrite ? ['overwrite'] : [])],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout, 'data');
    const begun = performance.now();
    const exited = once(child, 'exit');
    // The first two rounds run through and tell how long that takes.
    if (round >= 2) setTimeout(() => child.kill('SIGKILL'), below(Math.ceil(wholeMs * 1.2)));
    await exited;
    if (round < 2) wholeMs = performance.now() - begun;
    const isThere = await openFolder(destination).then(
      () => true,
      () => false,
    );
    outcomes[isThere ? 'whole' : 'nothing'] += 1;
    if (overwrite) assert.equal(isThere, true, 'the folder that was to be replaced is lost');
    if (!isThere) continue;
    const bytes = await readFile(join(destination, 'model.safetensors'));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), expected, `round ${round}`);
    assert.equal((await readdir(destination)).length, 8);
  }
  assert.ok(outcomes.nothing > 0, 'no kill fell into a restore');
  // A restore that runs through to each name removes what the killed ones have left.
  for (const name of ['replaced', ...Array.from({ length: 11 }, (_, index) => `out-${index * 2}`)]) {
    const writer = await createFolder(join(parent, name), { overwrite: true });
    await writer.abort();
  }
  assert.deepEqual(
    (await readdir(parent)).filter((name) => name.startsWith('.')),
    [],
  );
});
