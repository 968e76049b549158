import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  EmbeddingSurgeryServiceService,
  GetSurgeryResponse,
  ListSurgeriesResponse,
  Surgery,
  SurgeryState,
} from '@pemmican/contract/surgery';
import { readHeader } from '@pemmican/safetensors';
import { openByteSource } from '@pemmican/storage';
import { callMethod, refusalOf } from '@pemmican/testkit';
import {
  REPOSITORY,
  connect,
  createSurgery,
  failureOf,
  reduceSpec,
  restoreSpec,
  runSurgery,
  startProcess,
  startService,
  temporaryFolder,
  watchSurgery,
} from './harness.ts';

const MODEL = path.join(REPOSITORY, '.cache/models/all-MiniLM-L6-v2');
const AMAZON = path.join(REPOSITORY, '.cache/data/sentiment/amazon.json');
const PYTHON = path.join(REPOSITORY, '.cache/python/bin/python');
const ORACLE = path.join(import.meta.dirname, 'oracles/reduced_ids.py');
const FULL_VOCAB_SIZE = 30522;

// [PAD], [UNK], [CLS], [SEP], [MASK] and 1000 ordinary words.
const KEPT = [0, 100, 101, 102, 103, ...Array.from({ length: 1000 }, (_, index) => 1999 + 3 * index)];
const options = { skip: existsSync(path.join(MODEL, 'model.safetensors')) ? false : 'the model is not set up' };

async function embeddingRow(folder: string, row: number): Promise<Buffer> {
  const source = await openByteSource(path.join(folder, 'model.safetensors'));
  const { tensors } = await readHeader(source);
  const tensor = [...tensors.values()].find(({ name }) => name.endsWith('word_embeddings.weight'))!;
  const bytes = Buffer.alloc(384 * 4);
  await source.read(tensor.offsetBytes + row * bytes.length, bytes);
  await source.close();
  return bytes;
}

function oracle(...parameters: string[]): unknown {
  return JSON.parse(execFileSync(PYTHON, [ORACLE, ...parameters], { encoding: 'utf8', maxBuffer: 1e8 }));
}

test(
  'a reduction keeps the rows that were asked for and a restore gives the model back byte for byte',
  options,
  async (t) => {
    const folder = temporaryFolder(t);
    const client = await startService(t, folder);
    const reduced = path.join(folder, 'reduced');
    const surgery = await runSurgery(client, reduceSpec({ modelUri: MODEL, outputUri: reduced, keptTokenIds: KEPT }));
    assert.equal(surgery.state, SurgeryState.SUCCEEDED);
    assert.equal(surgery.result?.fullVocabSize, FULL_VOCAB_SIZE);
    assert.equal(surgery.result.reducedVocabSize, KEPT.length);
    assert.equal(surgery.result.sourceBytes - surgery.result.outputBytes, (FULL_VOCAB_SIZE - KEPT.length) * 384 * 4);
    assert.equal(surgery.result.outputUri, reduced);
    assert.equal(surgery.result.tensorNames.length, 1);
    assert.ok(surgery.startTime !== undefined && surgery.endTime !== undefined && surgery.startTime <= surgery.endTime);
    for (const row of [0, 1, 4, 5, 500, KEPT.length - 1])
      assert.deepEqual(await embeddingRow(reduced, row), await embeddingRow(MODEL, KEPT[row]!), `row ${row}`);
    const manifest = JSON.parse(readFileSync(path.join(reduced, 'pemmican-token-id-map.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    assert.equal(manifest['unkTokenId'], 100);
    assert.equal(manifest['keptTokenIdsDigest'], surgery.result.keptTokenIdsDigest);

    const restored = path.join(folder, 'restored');
    const back = await runSurgery(client, restoreSpec({ modelUri: MODEL, trainedUri: reduced, outputUri: restored }));
    assert.equal(back.state, SurgeryState.SUCCEEDED, back.error?.message);
    assert.equal(back.result?.unusedRowFactor, 1);
    // Parts of it, as a client's mask asks for them.
    const { name, state } = back;
    const request = { name, readMask: ['state', 'spec.restore.output_uri', 'spec.reduce'] };
    const [answer] = await callMethod(client, EmbeddingSurgeryServiceService.getSurgery, [request]);
    const operation = { $case: 'restore' as const, value: { outputUri: restored } };
    assert.deepEqual(GetSurgeryResponse.decode(answer!).surgery, Surgery.fromPartial({ state, spec: { operation } }));
    const page = { pageSize: 1, pageToken: '', readMask: ['name'] };
    const [listed] = await callMethod(client, EmbeddingSurgeryServiceService.listSurgeries, [page]);
    assert.deepEqual(ListSurgeriesResponse.decode(listed!).surgeries, [Surgery.fromPartial({ name })]);
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json', 'vocab.txt'])
      assert.ok(readFileSync(path.join(restored, file)).equals(readFileSync(path.join(MODEL, file))), file);
  },
);

test('the events of a surgery begin with its states, name tensors and end with the result', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const { name } = await createSurgery(
    client,
    reduceSpec({ modelUri: MODEL, outputUri: path.join(folder, 'out'), keptTokenIds: KEPT }),
  );
  const events = await watchSurgery(client, name);
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  const states = events.flatMap(({ event }) => (event?.$case === 'stateChange' ? [event.value.state] : []));
  assert.deepEqual(states, [SurgeryState.QUEUED, SurgeryState.RUNNING, SurgeryState.SUCCEEDED]);
  const progress = events.flatMap(({ event }) => (event?.$case === 'progress' ? [event.value] : []));
  assert.ok(progress.length > 0);
  for (const [index, { writtenBytes, totalBytes, tensorName }] of progress.entries()) {
    assert.ok(writtenBytes > (progress[index - 1]?.writtenBytes ?? 0) && writtenBytes <= totalBytes);
    assert.match(tensorName, /\.(weight|bias|position_ids)$/);
  }
  assert.equal(progress.at(-1)?.writtenBytes, progress.at(-1)?.totalBytes);
});

test('pad_to_multiple_of adds the lowest unused rows', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const outputUri = path.join(folder, 'out');
  const surgery = await runSurgery(
    client,
    reduceSpec({ modelUri: MODEL, outputUri, keptTokenIds: KEPT, padToMultipleOf: 64 }),
  );
  assert.equal(surgery.result?.reducedVocabSize, 1024);
  const manifest = JSON.parse(readFileSync(path.join(outputUri, 'pemmican-token-id-map.json'), 'utf8')) as {
    keptTokenIds: number[];
  };
  const added = Array.from({ length: 19 }, (_, index) => index + 1);
  assert.deepEqual(
    manifest.keptTokenIds,
    [...KEPT, ...added].sort((a, b) => a - b),
  );
});

test(
  'export_tokenizer writes a tokenizer whose ids are the reduced ids of every row',
  { skip: options.skip || !existsSync(PYTHON) ? 'the model or Python is not set up' : false },
  async (t) => {
    const folder = temporaryFolder(t);
    const client = await startService(t, folder);
    const keptTokenIds = oracle('kept', path.join(MODEL, 'tokenizer.json'), '128', AMAZON) as number[];
    assert.equal(keptTokenIds.length, 2002);
    const outputUri = path.join(folder, 'out');
    const surgery = await runSurgery(
      client,
      reduceSpec({ modelUri: MODEL, outputUri, keptTokenIds, exportTokenizer: true }),
    );
    assert.equal(surgery.state, SurgeryState.SUCCEEDED, surgery.error?.message);
    const tokenizer = path.join(outputUri, 'reduced-tokenizer/tokenizer.json');
    const map = path.join(outputUri, 'pemmican-token-id-map.json');
    assert.deepEqual(oracle('compare', path.join(MODEL, 'tokenizer.json'), tokenizer, map, '128', AMAZON), {
      rows: 1000,
      tokens: 15054,
      different: 0,
      outside: 0,
    });
    // pemmican maps the ids of the full tokenizer itself.
    assert.deepEqual(
      readFileSync(path.join(outputUri, 'tokenizer.json')),
      readFileSync(path.join(MODEL, 'tokenizer.json')),
    );
  },
);

test('a spec that cannot be right is refused with every field', async (t) => {
  const client = await startService(t, temporaryFolder(t));
  const table: [Parameters<typeof createSurgery>[1], RegExp][] = [
    [{ operation: undefined }, /^spec\.operation: must be set$/],
    [reduceSpec({ modelUri: '', outputUri: '', keptTokenIds: [] }), /model_uri.*output_uri.*kept_token_ids/],
    [reduceSpec({ modelUri: '/m', outputUri: 'hf:a/b', keptTokenIds: [1] }), /output_uri/],
    [
      reduceSpec({ modelUri: '/m', outputUri: '/o', keptTokenIds: [1], padToMultipleOf: 65_537 }),
      /pad_to_multiple_of: is 65537, must be at most 65536/,
    ],
    [
      reduceSpec({ modelUri: '/m/full', outputUri: '/m', keptTokenIds: [1] }),
      /output_uri: \/m must not be or hold what is read: \/m\/full/,
    ],
    [reduceSpec({ modelUri: '/m', outputUri: '/p', profileUri: '/p/profile.json' }), /\/p\/profile\.json/],
    [restoreSpec({ modelUri: '/m', trainedUri: '/t', outputUri: 'file:///t' }), /output_uri: \/t/],
    [restoreSpec({ modelUri: '/m', trainedUri: 'gs://bucket/t', outputUri: '/o' }), /trained_uri/],
    [restoreSpec({ modelUri: 's3://b-1/m', trainedUri: 's3://b-1/../t', outputUri: '/o' }), /trained_uri/],
    [
      reduceSpec({ modelUri: 's3://b-1/m/full', outputUri: 's3://b-1/m/', keptTokenIds: [1] }),
      /output_uri: s3:\/\/b-1\/m must not be or hold what is read: s3:\/\/b-1\/m\/full/,
    ],
    [reduceSpec({ modelUri: '/m', outputUri: 's3://b-1/', keptTokenIds: [1] }), /a folder cannot be a whole bucket/],
  ];
  for (const [spec, message] of table) {
    await assert.rejects(createSurgery(client, spec), (error) => {
      const refusal = refusalOf(error);
      assert.deepEqual([refusal.code, refusal.reason], ['INVALID_ARGUMENT', 'INVALID_FIELD']);
      assert.match(refusal.message, message);
      return true;
    });
  }
});

test('bad input ends a surgery with a code, a reason and the file, and leaves no output', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const at = (name: string): string => path.join(folder, name);
  const variant = (name: string, change: (folder: string) => void): string => {
    mkdirSync(at(name));
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
      cpSync(path.join(MODEL, file), path.join(at(name), file));
    symlinkSync(path.join(MODEL, 'model.safetensors'), path.join(at(name), 'model.safetensors'));
    change(at(name));
    return at(name);
  };
  const config = JSON.parse(readFileSync(path.join(MODEL, 'config.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(at('profile.json'), '{"formatVersion":1}');
  mkdirSync(at('taken'));
  writeFileSync(at('taken/file'), 'mine');
  await runSurgery(client, reduceSpec({ modelUri: MODEL, outputUri: at('reduced'), keptTokenIds: KEPT }));
  const other = variant('other-rows', (model) =>
    writeFileSync(path.join(model, 'config.json'), JSON.stringify({ ...config, vocab_size: 9 })),
  );
  const bpe = variant('bpe', (model) =>
    writeFileSync(
      path.join(model, 'tokenizer.json'),
      '{"model":{"type":"BPE","vocab":{},"merges":[],"end_of_word_suffix":"</w>"}}',
    ),
  );
  const reduce = (fields: Partial<Parameters<typeof reduceSpec>[0]>) =>
    reduceSpec({ modelUri: MODEL, outputUri: at('none'), keptTokenIds: KEPT, ...fields });
  const restore = (fields: Partial<Parameters<typeof restoreSpec>[0]>) =>
    restoreSpec({ modelUri: MODEL, trainedUri: at('reduced'), outputUri: at('none'), ...fields });
  const table: [Parameters<typeof createSurgery>[1], string, string, string][] = [
    [reduce({ modelUri: at('missing') }), 'NOT_FOUND', 'NOT_FOUND', at('missing')],
    [reduce({ profileUri: at('missing.json') }), 'NOT_FOUND', 'NOT_FOUND', at('missing.json')],
    [reduce({ profileUri: at('profile.json') }), 'INVALID_ARGUMENT', 'INVALID_PROFILE', ''],
    [reduce({ keptTokenIds: [FULL_VOCAB_SIZE] }), 'INVALID_ARGUMENT', 'INVALID_FIELD', ''],
    [reduce({ keptTokenIds: [1, 2] }), 'FAILED_PRECONDITION', 'PAD_TOKEN_MOVED', `${MODEL}/config.json`],
    [reduce({ modelUri: other }), 'FAILED_PRECONDITION', 'SHAPE_MISMATCH', other],
    [reduce({ modelUri: bpe, exportTokenizer: true }), 'FAILED_PRECONDITION', 'UNSUPPORTED_TOKENIZER', ''],
    [reduce({ outputUri: at('taken') }), 'FAILED_PRECONDITION', 'DESTINATION_EXISTS', at('taken')],
    [restore({ trainedUri: MODEL }), 'NOT_FOUND', 'MISSING_FILE', MODEL],
    [
      restore({ modelUri: at('reduced'), trainedUri: at('reduced') }),
      'FAILED_PRECONDITION',
      'MANIFEST_MISMATCH',
      `${at('reduced')}/pemmican-token-id-map.json`,
    ],
    [restore({ unusedRowDecay: true }), 'FAILED_PRECONDITION', 'UNKNOWN_DECAY', `${at('reduced')}/trainer_state.json`],
  ];
  for (const [spec, code, reason, file] of table) {
    const failure = failureOf(await runSurgery(client, spec));
    assert.deepEqual(
      [failure.code, failure.reason, failure.metadata['file'] ?? ''],
      [code, reason, file],
      failure.message,
    );
  }
  assert.equal(existsSync(at('none')), false);
  assert.equal(readFileSync(at('taken/file'), 'utf8'), 'mine');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.pemmican-')),
    [],
  );
});

test('a profile of other rows, another tokenizer or altered ids is refused', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const digest = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const profile = {
    formatVersion: 1,
    pemmicanVersion: '0.1.0',
    tokenizerDigest: digest(readFileSync(path.join(MODEL, 'tokenizer.json'))),
    fullVocabSize: FULL_VOCAB_SIZE,
    hiddenSize: 384,
    maxSequenceLength: 128,
    unkTokenId: 100,
    splits: [],
    alwaysKeptTokenIds: [],
    keptTokenIds: KEPT,
    keptTokenIdsDigest: digest(new Uint8Array(Uint32Array.from(KEPT).buffer)),
    droppedTokenCount: 0,
    droppedOccurrenceCount: 0,
  };
  const run = async (changes: Partial<typeof profile>): Promise<Surgery> => {
    const profileUri = path.join(folder, 'profile.json');
    writeFileSync(profileUri, JSON.stringify({ ...profile, ...changes }));
    return runSurgery(client, reduceSpec({ modelUri: MODEL, outputUri: path.join(folder, 'out'), profileUri }));
  };
  const table: [Partial<typeof profile>, string][] = [
    [{ fullVocabSize: 40_000 }, 'VOCAB_SIZE_MISMATCH'],
    [{ tokenizerDigest: 'sha256:00' }, 'TOKENIZER_MISMATCH'],
    [{ keptTokenIds: [...KEPT, 9000] }, 'KEPT_TOKEN_IDS_MISMATCH'],
  ];
  for (const [changes, reason] of table) {
    const failure = failureOf(await run(changes));
    assert.deepEqual([failure.code, failure.reason], ['FAILED_PRECONDITION', reason]);
    assert.equal(failure.metadata['file'], path.join(folder, 'profile.json'));
  }
  assert.equal(existsSync(path.join(folder, 'out')), false);
  assert.equal((await run({})).result?.keptTokenIdsDigest, profile.keptTokenIdsDigest);
});

test('validate_only finds what the surgery would fail with and starts nothing', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const outputUri = path.join(folder, 'out');
  const checked = await createSurgery(client, reduceSpec({ modelUri: MODEL, outputUri, keptTokenIds: KEPT }), {
    validateOnly: true,
  });
  assert.equal(checked.name, '');
  await assert.rejects(
    createSurgery(client, reduceSpec({ modelUri: path.join(folder, 'no'), outputUri, keptTokenIds: KEPT }), {
      validateOnly: true,
    }),
    (error) => refusalOf(error).code === 'NOT_FOUND',
  );
  await assert.rejects(
    createSurgery(client, restoreSpec({ modelUri: MODEL, trainedUri: MODEL, outputUri }), { validateOnly: true }),
    (error) => refusalOf(error).reason === 'MISSING_FILE',
  );
  assert.equal(existsSync(outputUri), false);
});

test('unused_row_decay multiplies the rows that were not trained', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const trainedUri = path.join(folder, 'trained');
  await runSurgery(client, reduceSpec({ modelUri: MODEL, outputUri: trainedUri, keptTokenIds: KEPT }));
  writeFileSync(path.join(trainedUri, 'trainer_state.json'), '{"unusedRowDecayFactor":0.5}');
  const outputUri = path.join(folder, 'out');
  const surgery = await runSurgery(
    client,
    restoreSpec({ modelUri: MODEL, trainedUri, outputUri, unusedRowDecay: true }),
  );
  assert.equal(surgery.result?.unusedRowFactor, 0.5);
  const [before, after] = [await embeddingRow(MODEL, 1), await embeddingRow(outputUri, 1)];
  for (let offset = 0; offset < before.length; offset += 4)
    assert.equal(after.readFloatLE(offset), before.readFloatLE(offset) / 2);
  assert.deepEqual(await embeddingRow(outputUri, 100), await embeddingRow(MODEL, 100));
});

test('a cancelled surgery leaves nothing, whether it waits or runs', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const names: string[] = [];
  for (let index = 0; index < 4; index++) {
    const outputUri = path.join(folder, `out-${index}`);
    names.push((await createSurgery(client, reduceSpec({ modelUri: MODEL, outputUri, keptTokenIds: KEPT }))).name);
  }
  for (const name of names) await new Promise<void>((resolve) => client.cancelSurgery({ name }, () => resolve()));
  for (const [index, name] of names.entries()) {
    const last = (await watchSurgery(client, name)).at(-1)?.event;
    assert.ok(last?.$case === 'stateChange');
    assert.equal(last.value.state, SurgeryState.CANCELLED);
    assert.equal(existsSync(path.join(folder, `out-${index}`)), false);
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.pemmican-')),
    [],
  );
});

test('surgeries of a killed service run again to the same bytes, and stopping it loses none', options, async (t) => {
  const folder = temporaryFolder(t);
  let service = await startProcess(folder);
  t.after(() => service.child.kill('SIGKILL'));
  let client = connect(service.address);
  const outputs = [0, 1, 2, 3].map((index) => path.join(folder, `out-${index}`));
  const names: string[] = [];
  for (const outputUri of outputs)
    names.push((await createSurgery(client, reduceSpec({ modelUri: MODEL, outputUri, keptTokenIds: KEPT }))).name);
  // Killed in the second one's middle, then asked to stop as soon as it is up again.
  const watch = client.watchSurgery({ name: names[1]!, resumeToken: '' });
  watch.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    watch.on('data', (response: { event?: { $case: string } }) => {
      if (response.event?.$case === 'progress') resolve();
    });
  });
  const killed = once(service.child, 'exit');
  service.child.kill('SIGKILL');
  await killed;
  client.close();
  service = await startProcess(folder);
  await delay(50);
  const stopped = once(service.child, 'exit');
  service.child.kill('SIGTERM');
  assert.deepEqual(await stopped, [0, null]);
  service = await startProcess(folder);
  client = connect(service.address);
  for (const [index, name] of names.entries()) {
    const last = (await watchSurgery(client, name)).at(-1)?.event;
    assert.ok(last?.$case === 'stateChange');
    assert.equal(last.value.state, SurgeryState.SUCCEEDED, last.value.error?.message);
    const [first, this_] = [outputs[0]!, outputs[index]!].map((output) =>
      readFileSync(path.join(output, 'model.safetensors')),
    );
    assert.ok(first!.equals(this_!), name);
  }
  client.close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.pemmican-')),
    [],
  );
  const gone = once(service.child, 'exit');
  service.child.disconnect();
  assert.deepEqual(await gone, [0, null]);
});
