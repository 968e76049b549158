import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
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
  writeFileSync(path.join(request.modelUri, 'config.json'), '{"vocab_size":8,"hidden_size":4}');
  await assert.rejects(runInWorker({ kind: 'check', request, hub }), (error) => {
    assert.ok(error instanceof RpcError);
    assert.equal(error.reason, 'TOKENIZER_TOO_LARGE');
    assert.deepEqual(error.options.metadata, { file: request.modelUri, value: '9', limit: '8' });
    return true;
  });
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
