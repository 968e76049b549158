import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ROOT_CONTEXT, context, createContextKey, trace, type Context, type Tracer } from '@opentelemetry/api';
import { RpcError } from '@pemmican/rpc';
import { runInWorker } from '../src/run-in-worker.ts';
import type { AnalysisRequest } from '../src/worker/messages.ts';
import { temporaryFolder } from './harness.ts';

const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'good', 'bad', 'movie', '##s'];

/** A model folder without weights, made on the spot. */
function smallRequest(folder: string): AnalysisRequest {
  writeFileSync(path.join(folder, 'config.json'), '{"model_type":"bert","vocab_size":9,"hidden_size":4}');
  writeFileSync(path.join(folder, 'vocab.txt'), VOCABULARY.join('\n'));
  writeFileSync(path.join(folder, 'train.txt'), 'good movies\ngood\n');
  return {
    modelUri: folder,
    files: [{ split: 'train', path: path.join(folder, 'train.txt'), options: {} }],
    recordKind: 'text',
    labelColumn: 'label',
    isLabelColumnRequired: false,
    maxSequenceLength: 128,
    keepTokenIds: [],
    replacementSeed: undefined,
    padToMultipleOf: 0,
    minCount: 0,
    maxRows: 0,
  };
}

const hub = { cacheFolder: '/nonexistent' };
const limits = { threadCount: 1, memoBytes: 1 << 20 };

test('runInWorker gives the profile back and records the phases as spans of the caller', async (t) => {
  const storage = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, run, self, ...args) => storage.run(active, () => run.call(self as never, ...args)),
    bind: (_, target) => target,
    enable: () => context as never,
    disable: () => context as never,
  });
  const jobKey = createContextKey('job');
  const spans: { name: string; job: unknown; startMs: number; endMs: number }[] = [];
  const tracer = {
    startSpan: (name: string, options: { startTime: number }) => {
      const job = context.active().getValue(jobKey);
      return { end: (endMs: number) => spans.push({ name, job, startMs: options.startTime, endMs }) };
    },
  };
  trace.setGlobalTracerProvider({ getTracer: () => tracer as unknown as Tracer });
  t.after(() => {
    context.disable();
    trace.disable();
  });
  const request = smallRequest(temporaryFolder(t));
  const profile = await context.with(ROOT_CONTEXT.setValue(jobKey, 'analyses/1'), () =>
    runInWorker({ kind: 'analyze', request, hub, limits }),
  );
  // Everything but "bad": specials, good, movie, ##s.
  assert.deepEqual(profile?.keptTokenIds, [0, 1, 2, 3, 4, 5, 7, 8]);
  assert.deepEqual(profile.splits[0]?.counts, [2, 2, 2, 1, 1]);
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['fetch model', 'open tokenizer', 'open files', 'tokenize and count train', 'select rows'],
  );
  spans.forEach(({ job, startMs, endMs }, index) => {
    assert.equal(job, 'analyses/1');
    assert.ok(startMs <= endMs && startMs >= (spans[index - 1]?.endMs ?? 0) - 1);
  });
});

test('runInWorker throws what the thread threw, with the fields that clients are told of', async (t) => {
  const request = smallRequest(temporaryFolder(t));
  const missing = { ...request, modelUri: '/nonexistent/model' };
  await assert.rejects(runInWorker({ kind: 'check', request: missing, hub }), {
    name: 'StorageError',
    code: 'NOT_FOUND',
    path: '/nonexistent/model',
  });
  // Nobody listens there: whether to try again is told, too.
  process.env['AWS_ENDPOINT_URL_S3'] = 'http://127.0.0.1:1';
  process.env['AWS_MAX_ATTEMPTS'] = '1';
  process.env['AWS_ACCESS_KEY_ID'] = 'nobody';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'nothing';
  await assert.rejects(runInWorker({ kind: 'check', request: { ...request, modelUri: 's3://bucket/model' }, hub }), {
    name: 'StorageError',
    code: 'DOWNLOAD_FAILED',
    path: 's3://bucket/model',
    retryDelayMs: 10_000,
  });
  writeFileSync(path.join(request.modelUri, 'config.json'), '{"vocab_size":8,"hidden_size":4}');
  await assert.rejects(runInWorker({ kind: 'analyze', request, hub, limits }), (error) => {
    assert.ok(error instanceof RpcError);
    assert.equal(error.reason, 'TOKENIZER_TOO_LARGE');
    const file = path.join(request.modelUri, 'train.txt');
    assert.equal(error.message, `${file}, row 1: token id 8 ("##s") has no row: the embedding matrix has 8 rows`);
    assert.deepEqual(error.options.metadata, { file, value: '8', limit: '8' });
    return true;
  });
});

/** The model with a special token past its nine rows, as Gemma 3's tokenizer has one. */
function writeExcessToken(folder: string): void {
  const flags = { special: true, single_word: false, lstrip: false, rstrip: false, normalized: false };
  const json = {
    added_tokens: [{ id: 9, content: '<image>', ...flags }],
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: {
      type: 'WordLevel',
      unk_token: '[UNK]',
      vocab: Object.fromEntries(VOCABULARY.map((each, id) => [each, id])),
    },
  };
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(json));
}

test('runInWorker keeps no token without a row, and names the first record that has one', async (t) => {
  const small = smallRequest(temporaryFolder(t));
  writeExcessToken(small.modelUri);
  const file = path.join(small.modelUri, 'train.jsonl');
  const request: AnalysisRequest = {
    ...small,
    files: [{ split: 'train', path: file, options: { textColumn: 'text', skipInvalid: true } }],
  };
  const write = (texts: readonly unknown[]): void => {
    writeFileSync(file, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  };
  write(['good movie', 'image']);
  const profile = await runInWorker({ kind: 'analyze', request, hub, limits });
  // Special tokens are those of their usual names.
  assert.deepEqual(profile?.keptTokenIds, [0, 1, 2, 3, 4, 5, 7]);
  assert.equal(profile.fullVocabSize, 9);
  // The third row is left out; the files are long enough for more than one portion and for threads.
  const rows = Array.from({ length: 200_000 }, (_, row): unknown => (row === 2 ? 7 : 'good movie bad'));
  write(rows.with(150_000, 'good<image>').with(199_999, '<image>'));
  for (const threadCount of [1, 2])
    await assert.rejects(
      runInWorker({ kind: 'analyze', request, hub, limits: { ...limits, threadCount } }),
      (error) => {
        assert.ok(error instanceof RpcError);
        assert.equal(error.reason, 'TOKENIZER_TOO_LARGE');
        assert.equal(
          error.message,
          `${file}, row 150001: token id 9 ("<image>") has no row: the embedding matrix has 9 rows`,
        );
        return true;
      },
    );
});

test('runInWorker names the first sequence with a token without a row', async (t) => {
  const request: AnalysisRequest = {
    ...smallRequest(temporaryFolder(t)),
    sequences: { blockSize: 2, assistantOnlyLoss: false, chatTemplate: '' },
  };
  writeExcessToken(request.modelUri);
  const file = path.join(request.modelUri, 'train.txt');
  writeFileSync(file, 'good movie\nbad good\nbad <image>\n');
  await assert.rejects(runInWorker({ kind: 'analyze', request, hub, limits }), (error) => {
    assert.ok(error instanceof RpcError);
    assert.equal(
      error.message,
      `${file}, sequence 3: token id 9 ("<image>") has no row: the embedding matrix has 9 rows`,
    );
    return true;
  });
  writeFileSync(file, 'good movie\nbad good\n');
  assert.deepEqual(
    (await runInWorker({ kind: 'analyze', request, hub, limits }))?.keptTokenIds,
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});

test('runInWorker ends the thread when the signal is aborted, before or while it runs', async (t) => {
  const request = smallRequest(temporaryFolder(t));
  const reason = new Error('enough');
  await assert.rejects(
    runInWorker({ kind: 'analyze', request, hub, limits }, { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
  const controller = new AbortController();
  const running = runInWorker({ kind: 'analyze', request, hub, limits }, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
  assert.equal(await runInWorker({ kind: 'check', request, hub }), undefined);
});

test('threads of an analysis load no native add-on with their modules, where ending them would end the process', async () => {
  for (const module of ['analyze', 'merge', 'counting-thread']) {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const loaded = [];
      process.dlopen = (_, file) => { loaded.push(file); throw new Error('not in a thread'); };
      const post = () => parentPort.postMessage(loaded);
      // What the modules are to do is not said: they are loaded, and fail.
      import(workerData.module).then(post, post);`;
    const url = new URL(`../src/worker/${module}.ts`, import.meta.url).href;
    const worker = new Worker(code, { eval: true, workerData: { module: url } });
    const [loaded] = (await once(worker, 'message')) as [readonly string[]];
    assert.deepEqual(loaded, []);
    await worker.terminate();
  }
});
