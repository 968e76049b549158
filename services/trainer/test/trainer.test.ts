import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Run, RunState, Task, type PredictResponse, type WatchRunResponse } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';
import { refusalOf } from '@pemmican/testkit';
import { failureOf, finish, predictRequest, runRequest, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train, validation } = tinyTrainer('trainer');
// Of the tiny model: 125 rows of 32, and what its two layers, pooler and a head of two classes have.
const ROWS = 125;
const HIDDEN = 32;

type Event = NonNullable<WatchRunResponse['event']>;
type EventCase = Event['$case'];
type EventValue<Case extends EventCase> = Extract<Event, { $case: Case }>['value'];

let count = 0;
const fields = (more: Partial<RunFields> = {}): RunFields => ({
  model,
  output: path.join(work, `output-${count++}`),
  train,
  validation,
  ...more,
});

async function predict(modelFolder: string, file: string): Promise<PredictResponse[]> {
  const responses: PredictResponse[] = [];
  for await (const response of trainer.client.predict(predictRequest(modelFolder, file)))
    responses.push(response as PredictResponse);
  return responses;
}

test('createRun with validate_only checks the request and starts nothing', async () => {
  const request = { ...runRequest(fields()), validateOnly: true };
  await trainer.create(request);
  assert.deepEqual((await trainer.list()).runs, []);
  assert.equal(existsSync(request.spec!.outputUri), false);
});

test('a run tells its states, phases, steps, memory, evaluations and checkpoints in order', TIMEOUT, async () => {
  const { run, events } = await finish(trainer, fields({ options: { maxSteps: 4, evalSteps: 2, saveSteps: 2 } }));
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  const of = <Case extends EventCase>(name: Case): EventValue<Case>[] =>
    events.flatMap(({ event }) => (event?.$case === name ? [event.value as EventValue<Case>] : []));
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  assert.deepEqual(
    of('phase').map(({ phase }) => phase),
    ['load', 'tokenize', 'build-graph', 'train', 'export'],
  );
  assert.ok(
    of('phase')
      .slice(1)
      .every(({ previousPhasePeakBytes }) => previousPhasePeakBytes > 50e6),
  );
  assert.deepEqual(
    of('step').map(({ step }) => step),
    [1, 2, 3, 4],
  );
  assert.deepEqual(
    of('evaluation').map(({ step }) => step),
    [0, 2, 4],
  );
  assert.deepEqual(
    of('checkpoint').map(({ step }) => step),
    [2, 4],
  );
  assert.ok(of('deviceMemory').every(({ processBytes }) => processBytes > 0));
  // 125 rows and a two-class head: 4 bytes a parameter in the plan's weights.
  assert.equal(run.result?.vocabRows, ROWS);
  assert.equal(run.result.plannedMemory?.weightBytes, 4 * run.result.parameterCount);
  assert.equal(run.result.stepCount, 4);
  assert.equal(run.result.finalLoss, of('step').at(-1)?.loss);
  // Parts of it, as a client's mask asks for them.
  const { state, name } = run;
  const { finalLoss } = run.result;
  assert.deepEqual(
    await trainer.get(name, ['state', 'result.final_loss']),
    Run.fromPartial({ state, result: { finalLoss } }),
  );
  const { runs } = await trainer.list(['name', 'spec.output_uri']);
  assert.deepEqual(
    runs.find((listed) => listed.name === name),
    Run.fromPartial({ name, spec: { outputUri: run.spec!.outputUri } }),
  );
});

test('watchers see the same events, and one that comes back goes on after its token', TIMEOUT, async () => {
  const { name } = await trainer.create(runRequest(fields({ options: { maxSteps: 6 } })));
  const collect = async (token: string): Promise<WatchRunResponse[]> => {
    const events: WatchRunResponse[] = [];
    for await (const event of trainer.watch(name, token)) events.push(event);
    return events;
  };
  const [first, second] = await Promise.all([collect(''), collect('')]);
  assert.deepEqual(first, second);
  const middle = Math.floor(first.length / 2);
  assert.deepEqual(await collect(first[middle]!.resumeToken), first.slice(middle + 1));
  assert.deepEqual(await collect(first.at(-1)!.resumeToken), []);
  await assert.rejects(collect('bm90IGEgdG9rZW4'), (error) => refusalOf(error).code === 'INVALID_ARGUMENT');
});

test('a queued run can be cancelled before it starts, a finished one cannot', TIMEOUT, async () => {
  const first = await trainer.create(runRequest(fields({ options: { maxSteps: 3 } })));
  const second = await trainer.create(runRequest(fields()));
  assert.equal((await trainer.cancel(second.name)).state, RunState.CANCELLED);
  for await (const _event of trainer.watch(first.name, '')) continue;
  await assert.rejects(trainer.cancel(first.name), (error) => {
    const { code, message } = refusalOf(error);
    return code === 'FAILED_PRECONDITION' && message.includes(first.name);
  });
});

test(
  'a service that is stopped by SIGTERM leaves its run to the next one, which ends with the same loss',
  TIMEOUT,
  async () => {
    const options = { maxSteps: 40, saveSteps: 5, learningRate: 1e-3 };
    const calm = await finish(trainer, fields({ options }));
    const { name } = await trainer.create(runRequest(fields({ options })));
    for await (const { event } of trainer.watch(name, '')) if (event?.$case === 'step' && event.value.step >= 7) break;
    assert.equal(await trainer.terminate(), 0);
    await trainer.start();
    const events: WatchRunResponse[] = [];
    for await (const event of trainer.watch(name, '')) events.push(event);
    const run = await trainer.get(name);
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    assert.equal(run.result?.finalLoss, calm.run.result?.finalLoss);
  },
);

test('estimateMemory says what rows cost: 16 bytes for each parameter that is trained', TIMEOUT, async () => {
  const { full, reduced, engineBytes } = await trainer.estimate(model, 45);
  assert.ok(full !== undefined && reduced !== undefined && engineBytes > 0);
  assert.deepEqual([full.vocabRows, reduced.vocabRows], [ROWS, 45]);
  assert.equal(full.parameterCount - reduced.parameterCount, (ROWS - 45) * HIDDEN);
  assert.equal(full.memory?.embeddingBytes, 16 * ROWS * HIDDEN);
  assert.equal(full.memory.weightBytes, 4 * full.parameterCount);
  assert.equal(full.memory.optimizerBytes, 8 * full.parameterCount);
  assert.ok(full.largestBatchSize > 0 && reduced.largestBatchSize >= full.largestBatchSize);
});

test('predict gives the logits of every record in file order, whatever the batch', TIMEOUT, async () => {
  const output = fields({ options: { maxSteps: 4 } });
  await finish(trainer, output);
  const responses = await predict(output.output, validation);
  assert.deepEqual(
    responses.map(({ firstRecordIndex }) => firstRecordIndex),
    [0, 16],
  );
  assert.deepEqual(responses[0]?.labelNames, ['LABEL_0', 'LABEL_1']);
  const logits = responses.flatMap((response) => response.logits);
  assert.equal(logits.length, 32 * 2);
  // A file with one of the records gives the same logits; rows are padded to another length, so not bit-equal.
  const lines = readFileSync(validation, 'utf8').trim().split('\n');
  const single = path.join(work, 'single.jsonl');
  writeFileSync(single, `${lines[20]}\n`);
  const [alone] = await predict(output.output, single);
  alone?.logits.forEach((value, index) => assert.ok(Math.abs(value - logits[40 + index]!) < 1e-6));
});

test('labels that are names are numbered in sorted order, and predict gives the names', TIMEOUT, async () => {
  const named = path.join(work, 'named.jsonl');
  const names = ['positive', 'negative', 'neutral'];
  const lines = Array.from({ length: 24 }, (_, row) => JSON.stringify({ text: `word${row}`, label: names[row % 3] }));
  writeFileSync(named, `${lines.join('\n')}\n`);
  const output = fields({ train: named, validation: named, options: { maxSteps: 1 } });
  assert.equal((await finish(trainer, output)).run.state, RunState.SUCCEEDED);
  const config = JSON.parse(readFileSync(path.join(output.output, 'config.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(config['label2id'], { negative: 0, neutral: 1, positive: 2 });
  assert.deepEqual((await predict(output.output, named))[0]?.labelNames, ['negative', 'neutral', 'positive']);
});

test('predict refuses a model without a head, a file that is not there and two files', TIMEOUT, async () => {
  const refused = async (action: Promise<unknown>, code: string, reason: string, message: RegExp): Promise<void> => {
    await assert.rejects(action, (error) => {
      const failure = refusalOf(error);
      assert.deepEqual([failure.code, failure.reason], [code, reason], failure.message);
      assert.match(failure.message, message);
      return true;
    });
  };
  await refused(predict(model, validation), 'FAILED_PRECONDITION', 'HEAD_MISSING', /model: has no classifier\.weight/);
  const output = fields({ options: { maxSteps: 1 } });
  await finish(trainer, output);
  await refused(predict(output.output, path.join(work, 'none.jsonl')), 'NOT_FOUND', 'NOT_FOUND', /none\.jsonl/);
  const { dataset, ...request } = predictRequest(output.output, validation);
  const files = [...dataset!.files, { split: Split.TEST, uri: train, format: 0 as const }];
  const twoFiles = async (): Promise<void> => {
    for await (const _ of trainer.client.predict({ ...request, dataset: { ...dataset!, files } })) continue;
  };
  await refused(twoFiles(), 'INVALID_ARGUMENT', 'INVALID_FIELD', /dataset\.files.*2/);
});

test(
  'a run on a reduced model refuses a token that has no row, or maps it to the unknown token when told to',
  TIMEOUT,
  async () => {
    // The fixture's map keeps the special tokens and word0 to word39, which is all that the training file uses.
    const reduced = path.join(work, 'reduced');
    if (!existsSync(reduced)) await makeReduced(reduced, 45);
    const outside = path.join(work, 'outside.jsonl');
    cpSync(train, outside);
    writeFileSync(outside, `${readFileSync(train, 'utf8')}${JSON.stringify({ text: 'word99 word1', label: 1 })}\n`);
    const { run } = await finish(trainer, fields({ model: reduced, train: outside }));
    assert.equal(run.state, RunState.FAILED);
    assert.match(run.error?.message ?? '', /outside\.jsonl, row 65: token id 104 \("word99"\) has no row/);
    const mapped = await finish(
      trainer,
      fields({
        model: reduced,
        train: outside,
        options: { maxSteps: 1, unkeptTokensToUnk: true, task: Task.SEQUENCE_CLASSIFICATION },
      }),
    );
    assert.equal(mapped.run.state, RunState.SUCCEEDED, mapped.run.error?.message);
    const logs = mapped.events.flatMap(({ event }) => (event?.$case === 'log' ? [event.value.message] : []));
    assert.ok(
      logs.some((message) => message.startsWith('1 token ids that have no row')),
      logs.join('\n'),
    );
  },
);

test('a resume with another token id map is refused and the checkpoint stays as it is', TIMEOUT, async () => {
  const [first, second] = [path.join(work, 'reduced-45'), path.join(work, 'reduced-46')];
  await makeReduced(first, 45);
  await makeReduced(second, 46);
  const trained = fields({ model: first, options: { maxSteps: 4, saveSteps: 2 } });
  assert.equal((await finish(trainer, trained)).run.state, RunState.SUCCEEDED);
  const weights = path.join(trained.output, 'checkpoint-2/model.safetensors');
  const before = readFileSync(weights);
  const { run } = await finish(trainer, {
    ...trained,
    model: second,
    resumeFromCheckpoint: path.join(trained.output, 'checkpoint-2'),
  });
  const failure = failureOf(run);
  assert.deepEqual([failure.code, failure.reason], ['FAILED_PRECONDITION', 'CHECKPOINT_MISMATCH'], failure.message);
  assert.match(
    failure.message,
    /checkpoint-2: belongs to another run: keptTokenIdsDigest is [0-9a-z:]+ in the checkpoint/,
  );
  assert.ok(readFileSync(weights).equals(before));
});

async function makeReduced(folder: string, rowCount: number): Promise<void> {
  const { reduceCheckpoint } = await import('@pemmican/embedding');
  const { createFolder, openFolder } = await import('@pemmican/storage');
  const { TokenIdMap } = await import('@pemmican/vocabulary');
  await reduceCheckpoint({
    source: await openFolder(model),
    tokenIdMap: TokenIdMap.create(
      ROWS,
      Uint32Array.from({ length: rowCount }, (_, id) => id),
    ),
    destination: await createFolder(folder),
    pemmicanVersion: '0.1.0',
  });
}
