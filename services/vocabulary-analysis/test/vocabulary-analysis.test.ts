import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  Analysis,
  type AnalysisProgress,
  AnalysisSpec,
  AnalysisState,
  DatasetFormat,
  Split,
} from '@pemmican/contract/vocabulary';
import { refusalOf } from '@pemmican/testkit';
import { parseProfile } from '@pemmican/vocabulary';
import {
  REPOSITORY,
  analysisSpec,
  connect,
  createAnalysis,
  downloadProfile,
  failureOf,
  getAnalysis,
  runAnalysis,
  startProcess,
  startService,
  temporaryFolder,
  watchAnalysis,
} from './harness.ts';

const MODEL = path.join(REPOSITORY, '.cache/models/all-MiniLM-L6-v2');
const DATA = path.join(REPOSITORY, '.cache/data/sentiment');
const AMAZON = { split: Split.TRAIN, uri: path.join(DATA, 'amazon.json') };
const IMDB = { split: Split.VALIDATION, uri: path.join(DATA, 'imdb.json') };
// The labels' column is "class"; the last row of each file has none.
const COLUMNS = { labelColumn: 'class', skipInvalid: true };
const isSetUp = existsSync(path.join(MODEL, 'model.safetensors')) && existsSync(AMAZON.uri);
const options = { skip: isSetUp ? false : 'the model or the data is not set up' };

const amazonSpec = (): AnalysisSpec => analysisSpec(MODEL, [AMAZON], { dataset: COLUMNS });

test('an analysis of amazon finds the 2002 rows that PyTorch and transformers used', options, async (t) => {
  const client = await startService(t, temporaryFolder(t));
  const { result, ...analysis } = await runAnalysis(client, amazonSpec());
  assert.deepEqual((await runAnalysis(client, { ...amazonSpec(), threadCount: 3 })).result, result);
  assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
  assert.ok(result !== undefined);
  assert.deepEqual([result.fullVocabSize, result.reducedVocabSize, result.hiddenSize], [30522, 2002, 384]);
  assert.deepEqual(
    [result.fullEmbeddingTrainingBytes, result.reducedEmbeddingTrainingBytes],
    [30522 * 384 * 16, 2002 * 384 * 16],
  );
  // 1000 rows with 15054 tokens of 1999 kinds, the longest of 44 (tokenizers 0.23.3).
  const [train] = result.splits;
  assert.equal(result.splits.length, 1);
  assert.deepEqual(
    [train?.split, train?.recordCount, train?.skippedRecordCount, train?.tokenCount, train?.distinctTokenCount],
    [Split.TRAIN, 1000, 1, 15054, 1999],
  );
  assert.deepEqual([train?.addedTokenCount, train?.truncatedRecordCount, train?.tokensPerRecordMax], [1999, 0, 44]);
  // The full stop, [CLS], [SEP].
  assert.ok(result.rankFrequency.length > 20);
  assert.deepEqual(result.rankFrequency.slice(0, 3), [
    { rank: 1, count: 1079 },
    { rank: 2, count: 1000 },
    { rank: 3, count: 1000 },
  ]);
  assert.deepEqual(result.coverage.at(-1), { tokenCount: 1999, coverage: 1 });
  assert.equal(
    result.tokenizerDigest,
    `sha256:${createHash('sha256')
      .update(readFileSync(path.join(MODEL, 'tokenizer.json')))
      .digest('hex')}`,
  );
});

test('a second split adds what the first does not have', options, async (t) => {
  const client = await startService(t, temporaryFolder(t));
  const both = await runAnalysis(client, analysisSpec(MODEL, [IMDB, AMAZON], { dataset: COLUMNS }));
  const alone = await runAnalysis(client, analysisSpec(MODEL, [{ ...IMDB, split: Split.TRAIN }], { dataset: COLUMNS }));
  const [train, validation] = both.result!.splits;
  assert.deepEqual([train?.split, validation?.split], [Split.TRAIN, Split.VALIDATION]);
  assert.equal(train!.distinctTokenCount, 1999);
  assert.equal(validation!.distinctTokenCount, alone.result!.splits[0]!.distinctTokenCount);
  assert.ok(validation!.addedTokenCount < validation!.distinctTokenCount);
  // [PAD], [UNK], [MASK] are kept besides what occurs, unless it does.
  assert.equal(both.result!.reducedVocabSize, 2002 + validation!.addedTokenCount);
});

test('DownloadProfile streams the profile with its digest, from any offset', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const profileUri = path.join(folder, 'deep/vocabulary.json');
  const { name, result } = await runAnalysis(client, { ...amazonSpec(), profileUri });
  const chunks = await downloadProfile(client, name);
  const bytes = Buffer.concat(chunks.map(({ data }) => data));
  assert.deepEqual(bytes, readFileSync(profileUri));
  assert.equal(result?.profileUri, profileUri);
  for (const { totalSizeBytes, digest } of chunks)
    assert.deepEqual(
      [totalSizeBytes, digest],
      [result?.profileSizeBytes, `sha256:${createHash('sha256').update(bytes).digest('hex')}`],
    );
  const rest = await downloadProfile(client, name, 100);
  assert.deepEqual(Buffer.concat(rest.map(({ data }) => data)), bytes.subarray(100));
  assert.equal(rest[0]?.offset, 100);
  assert.deepEqual(await downloadProfile(client, name, bytes.length), []);
  const profile = parseProfile(JSON.parse(bytes.toString()), 'profile');
  assert.equal(profile.keptTokenIds.length, 2002);
  assert.equal(profile.keptTokenIdsDigest, result?.keptTokenIdsDigest);
  const ids = Buffer.from(Uint32Array.from(profile.keptTokenIds).buffer);
  assert.equal(profile.keptTokenIdsDigest, `sha256:${createHash('sha256').update(ids).digest('hex')}`);
  for (const [offset, code] of [
    [bytes.length + 1, 'OUT_OF_RANGE'],
    [-1, 'INVALID_ARGUMENT'],
  ] as const)
    await assert.rejects(downloadProfile(client, name, offset), (error) => refusalOf(error).code === code);
  await assert.rejects(downloadProfile(client, 'analyses/none'), (error) => refusalOf(error).code === 'NOT_FOUND');
});

test('keep_token_ids, pad_to_multiple_of, min_count and max_rows change the rows as they say', options, async (t) => {
  const client = await startService(t, temporaryFolder(t));
  const rows = async (fields: Partial<AnalysisSpec>): Promise<[number, number, number]> => {
    const { result, error } = await runAnalysis(client, { ...amazonSpec(), ...fields });
    assert.ok(result !== undefined, error?.message);
    return [result.reducedVocabSize, result.droppedTokenCount, result.droppedOccurrenceCount];
  };
  assert.deepEqual(await rows({ keepTokenIds: [30521, 101] }), [2003, 0, 0]);
  assert.deepEqual(await rows({ padToMultipleOf: 64 }), [2048, 0, 0]);
  const [kept, dropped, occurrences] = await rows({ minCount: 2 });
  assert.equal(kept + dropped, 2002);
  assert.ok(dropped > 0);
  // Each of them occurs once.
  assert.equal(occurrences, dropped);
  assert.deepEqual((await rows({ maxRows: 500 })).slice(0, 2), [500, 1502]);
});

test(
  'records without a label count unless the column is there, and a column named in vain is told',
  options,
  async (t) => {
    const folder = temporaryFolder(t);
    const client = await startService(t, folder);
    const file = (name: string, text: string): { split: Split; uri: string } => {
      writeFileSync(path.join(folder, name), text);
      return { split: Split.TRAIN, uri: path.join(folder, name) };
    };
    const counts = async (spec: AnalysisSpec): Promise<unknown> => {
      const { result, error } = await runAnalysis(client, spec);
      assert.ok(result !== undefined, error?.message);
      return [result.splits[0]?.recordCount, result.splits[0]?.skippedRecordCount];
    };
    const plain = file('plain.jsonl', '{"text":"a b"}\n{"text":"c"}\n');
    const labelled = file('labelled.jsonl', '{"text":"a","label":1}\n{"text":"b","label":null}\n');
    assert.deepEqual(await counts(analysisSpec(MODEL, [plain])), [2, 0]);
    assert.deepEqual(await counts(analysisSpec(MODEL, [plain], { dataset: { labelColumn: 'label' } })), [2, 0]);
    assert.deepEqual(await counts(analysisSpec(MODEL, [labelled], { dataset: { skipInvalid: true } })), [1, 1]);
    assert.deepEqual(await counts(analysisSpec(MODEL, [file('a.txt', 'one\ntwo\n')])), [2, 0]);
    assert.deepEqual(await counts(analysisSpec(MODEL, [file('a.csv', 'text,label\n"x, y",0\nz,1\n')])), [2, 0]);
    assert.deepEqual(
      await counts(analysisSpec(MODEL, [{ ...file('a.data', 'text\tb\nx\ty\n'), format: DatasetFormat.TSV }])),
      [1, 0],
    );
    const failures = [
      analysisSpec(MODEL, [labelled]),
      analysisSpec(MODEL, [plain], { dataset: { labelColumn: 'class' } }),
      analysisSpec(MODEL, [plain], { dataset: { textColumn: 'sentence' } }),
    ].map(async (spec) => failureOf(await runAnalysis(client, spec)).reason);
    assert.deepEqual(await Promise.all(failures), ['MISSING_LABEL', 'MISSING_COLUMN', 'MISSING_COLUMN']);
  },
);

test('a spec that cannot be right is refused with every field', async (t) => {
  const client = await startService(t, temporaryFolder(t));
  const train = { split: Split.TRAIN, uri: '/data/train.json' };
  const table: [AnalysisSpec | undefined, RegExp][] = [
    [undefined, /^spec: must be set$/],
    [AnalysisSpec.create(), /spec\.model_uri.*spec\.dataset: must be set/],
    [analysisSpec('/m', []), /spec\.dataset\.files: must not be empty/],
    [analysisSpec('/m', [train, train]), /files\[1\]\.split: is there twice/],
    [analysisSpec('/m', [{ ...train, split: Split.UNSPECIFIED }]), /files\[0\]\.split: must be set/],
    [analysisSpec('/m', [{ ...train, split: 77 as Split }]), /files\[0\]\.split/],
    [analysisSpec('/m', [{ ...train, format: 77 as DatasetFormat }]), /files\[0\]\.format: is 77/],
    [analysisSpec('/m', [{ ...train, uri: 'hf:a/b' }]), /files\[0\]\.uri/],
    [analysisSpec('/m', [train], { padToMultipleOf: 65_537 }), /pad_to_multiple_of: is 65537, must be at most 65536/],
    [analysisSpec('/m', [train], { dataset: { maxSequenceLength: 1_000_001 } }), /max_sequence_length: is 1000001/],
    [analysisSpec('s3://m', [train], { profileUri: 'hf:x' }), /model_uri.*profile_uri/],
  ];
  for (const [spec, message] of table) {
    await assert.rejects(createAnalysis(client, spec), (error) => {
      const refusal = refusalOf(error);
      assert.deepEqual([refusal.code, refusal.reason], ['INVALID_ARGUMENT', 'INVALID_FIELD']);
      assert.match(refusal.message, message);
      return true;
    });
  }
});

test('bad input ends an analysis with a code, a reason and the file', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const at = (name: string): string => path.join(folder, name);
  const config = JSON.parse(readFileSync(path.join(MODEL, 'config.json'), 'utf8')) as Record<string, unknown>;
  const model = (name: string, files: Readonly<Record<string, string>>): string => {
    mkdirSync(at(name));
    for (const file of ['config.json', 'tokenizer.json']) cpSync(path.join(MODEL, file), path.join(at(name), file));
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(at(name), file), text);
    return at(name);
  };
  const data = (name: string, text: string | Uint8Array): { split: Split; uri: string } => {
    writeFileSync(at(name), text);
    return { split: Split.TRAIN, uri: at(name) };
  };
  const good = data('good.jsonl', '{"text":"good"}\n');
  const weightless = model('weightless', {});
  assert.equal((await runAnalysis(client, analysisSpec(weightless, [good]))).result?.fullVocabSize, 30522);
  const small = model('small', { 'config.json': JSON.stringify({ ...config, vocab_size: 1000 }) });
  const table: [AnalysisSpec, string, string, string | undefined][] = [
    [analysisSpec(at('none'), [good]), 'NOT_FOUND', 'NOT_FOUND', at('none')],
    [analysisSpec(MODEL, [{ ...good, uri: at('none.json') }]), 'NOT_FOUND', 'NOT_FOUND', at('none.json')],
    [analysisSpec(MODEL, [{ ...good, uri: folder }]), 'INVALID_ARGUMENT', 'NOT_A_FILE', folder],
    [analysisSpec(small, [good]), 'FAILED_PRECONDITION', 'TOKENIZER_TOO_LARGE', good.uri],
    [
      analysisSpec(model('reduced', { 'pemmican-token-id-map.json': '{}' }), [good]),
      'FAILED_PRECONDITION',
      'ALREADY_REDUCED',
      at('reduced/pemmican-token-id-map.json'),
    ],
    [
      analysisSpec(model('no-config', { 'config.json': '[]' }), [good]),
      'INVALID_ARGUMENT',
      'INVALID_CONFIG',
      at('no-config/config.json'),
    ],
    [
      analysisSpec(model('bad-tokenizer', { 'tokenizer.json': '{"model":' }), [good]),
      'INVALID_ARGUMENT',
      'INVALID_JSON',
      undefined,
    ],
    [
      analysisSpec(MODEL, [data('cut.jsonl', '{"text":"a"}\n{"text')]),
      'INVALID_ARGUMENT',
      'MALFORMED',
      at('cut.jsonl'),
    ],
    [analysisSpec(MODEL, [data('empty.jsonl', '')]), 'INVALID_ARGUMENT', 'EMPTY', at('empty.jsonl')],
    [analysisSpec(MODEL, [data('a.xyz', 'a')]), 'INVALID_ARGUMENT', 'UNKNOWN_FORMAT', at('a.xyz')],
    [
      analysisSpec(MODEL, [data('latin1.txt', Uint8Array.of(0x61, 0xe9, 0x0a))]),
      'INVALID_ARGUMENT',
      'INVALID_UTF8',
      at('latin1.txt'),
    ],
    [analysisSpec(MODEL, [good], { maxRows: 3 }), 'INVALID_ARGUMENT', 'INVALID_OPTION', undefined],
    [analysisSpec(MODEL, [good], { keepTokenIds: [30522] }), 'FAILED_PRECONDITION', 'TOKENIZER_TOO_LARGE', undefined],
    [
      analysisSpec(MODEL, [good], { dataset: { maxSequenceLength: 1 } }),
      'INVALID_ARGUMENT',
      'INVALID_OPTION',
      undefined,
    ],
    [analysisSpec(MODEL, [good], { profileUri: `${good.uri}/p.json` }), 'INVALID_ARGUMENT', 'NOT_A_FOLDER', good.uri],
  ];
  for (const [spec, code, reason, file] of table) {
    const failure = failureOf(await runAnalysis(client, spec));
    assert.deepEqual([failure.code, failure.reason, failure.metadata['file']], [code, reason, file], failure.message);
    assert.doesNotMatch(failure.message, /incident/);
  }
  const { metadata } = failureOf(await runAnalysis(client, analysisSpec(small, [good])));
  // "good" in bert-base-uncased's vocab.txt.
  assert.deepEqual(metadata, { file: good.uri, value: '2204', limit: '1000' });
});

test('validate_only reads files, columns and tokenizer and starts nothing', options, async (t) => {
  const folder = temporaryFolder(t);
  const client = await startService(t, folder);
  const checked = await createAnalysis(client, amazonSpec(), { validateOnly: true });
  assert.equal(checked.name, '');
  const table: [AnalysisSpec, string][] = [
    [analysisSpec(path.join(folder, 'none'), [AMAZON], { dataset: COLUMNS }), 'NOT_FOUND'],
    [analysisSpec(MODEL, [{ ...AMAZON, uri: '/none.json' }], { dataset: COLUMNS }), 'NOT_FOUND'],
    [analysisSpec(MODEL, [AMAZON], { dataset: { ...COLUMNS, textColumn: 'no' } }), 'MISSING_COLUMN'],
    [analysisSpec(MODEL, [AMAZON], { dataset: { ...COLUMNS, labelColumn: 'no' } }), 'MISSING_COLUMN'],
  ];
  for (const [spec, reason] of table)
    await assert.rejects(
      createAnalysis(client, spec, { validateOnly: true }),
      (error) => refusalOf(error).reason === reason,
    );
  await new Promise<void>((resolve, reject) => {
    client.listAnalyses({ pageSize: 0, pageToken: '', readMask: undefined }, (error, response) => {
      if (error !== null) reject(error);
      else {
        assert.deepEqual(response.analyses, []);
        resolve();
      }
    });
  });
});

const LARGE_FILE_RECORD_COUNT = 150_000;

/** A file that takes a second or more to tokenize. */
function largeFile(folder: string): { split: Split; uri: string } {
  const records = JSON.parse(readFileSync(AMAZON.uri, 'utf8')) as { text: string }[];
  const lines = Array.from({ length: LARGE_FILE_RECORD_COUNT }, (_, index) =>
    JSON.stringify({ text: `${records[index % 1000]!.text} w${index} ${records[(index * 7) % 1000]!.text}` }),
  );
  writeFileSync(path.join(folder, 'large.jsonl'), lines.join('\n'));
  return { split: Split.TRAIN, uri: path.join(folder, 'large.jsonl') };
}

test(
  'the service answers while it counts, tells progress as it goes and cancels before the end',
  options,
  async (t) => {
    const folder = temporaryFolder(t);
    const client = await startService(t, folder);
    const { name } = await createAnalysis(client, analysisSpec(MODEL, [largeFile(folder)]));
    const progress: AnalysisProgress[] = [];
    const watch = client.watchAnalysis({ name, resumeToken: '' });
    let state: AnalysisState = AnalysisState.UNSPECIFIED;
    for await (const response of watch) {
      const { event } = response as Awaited<ReturnType<typeof watchAnalysis>>[number];
      if (event?.$case === 'stateChange') state = event.value.state;
      if (event?.$case !== 'progress') continue;
      progress.push(event.value);
      // Were the records tokenized on the service's own thread, no call would find the analysis in this state.
      if (progress.length <= 3) assert.equal((await getAnalysis(client, name)).state, AnalysisState.RUNNING);
      if (progress.length === 3) await new Promise<void>((resolve) => client.cancelAnalysis({ name }, () => resolve()));
    }
    assert.equal(state, AnalysisState.CANCELLED);
    assert.ok(progress.length >= 3);
    progress.slice(1).forEach((now, index) => {
      const before = progress[index]!;
      assert.ok(now.recordCount > before.recordCount && now.processedBytes >= before.processedBytes);
      assert.ok(now.recordCount < LARGE_FILE_RECORD_COUNT && now.processedBytes <= now.totalBytes);
    });
  },
);

test('an analysis of a killed service runs again to the same profile', options, async (t) => {
  const folder = temporaryFolder(t);
  let service = await startProcess(folder);
  t.after(() => service.child.kill('SIGKILL'));
  let client = connect(service.address);
  const train = largeFile(folder);
  const { name } = await createAnalysis(client, analysisSpec(MODEL, [train]), { requestId: 'once' });
  const { name: second } = await createAnalysis(client, amazonSpec());
  const token = await new Promise<string>((resolve) => {
    const watch = client.watchAnalysis({ name, resumeToken: '' });
    watch.on('error', () => undefined);
    watch.on('data', (response: { event?: { $case: string }; resumeToken: string }) => {
      if (response.event?.$case === 'progress') resolve(response.resumeToken);
    });
  });
  const killed = once(service.child, 'exit');
  service.child.kill('SIGKILL');
  await killed;
  client.close();
  service = await startProcess(folder);
  client = connect(service.address);
  // The same request again is the same analysis; a watcher goes on after what it has seen.
  const spec = analysisSpec(MODEL, [train]);
  assert.equal((await createAnalysis(client, spec, { requestId: 'once' })).name, name);
  const events = await watchAnalysis(client, name, token);
  const last = events.at(-1)?.event;
  assert.ok(last?.$case === 'stateChange');
  assert.equal(last.value.state, AnalysisState.SUCCEEDED, last.value.error?.message);
  assert.equal(last.value.result?.splits[0]?.recordCount, LARGE_FILE_RECORD_COUNT);
  const undisturbed = await runAnalysis(client, spec);
  const bytesOf = async (analysis: string): Promise<Buffer> =>
    Buffer.concat((await downloadProfile(client, analysis)).map(({ data }) => data));
  assert.deepEqual(await bytesOf(name), await bytesOf(undisturbed.name));
  assert.equal((await watchAnalysis(client, second)).at(-1)?.event?.$case, 'stateChange');
  assert.equal((await getAnalysis(client, second)).result?.reducedVocabSize, 2002);
  // A part of it, as a client's mask asks for it: the result has curves of many points.
  const part = await getAnalysis(client, second, ['state', 'result.reduced_vocab_size']);
  const { state } = part;
  assert.deepEqual(part, Analysis.fromPartial({ state, result: { reducedVocabSize: 2002 } }));
  assert.equal(state, AnalysisState.SUCCEEDED);
  client.close();
  assert.deepEqual(
    readdirSync(path.join(folder, 'state/profiles')).filter((file) => !file.endsWith('.json')),
    [],
  );
  const stopped = once(service.child, 'exit');
  service.child.disconnect();
  assert.deepEqual(await stopped, [0, null]);
});
