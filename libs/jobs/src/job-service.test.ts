import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { status as grpcStatus } from '@grpc/grpc-js';
import { RpcError, createLogger } from '@pemmican/rpc';
import { RunStore } from '@pemmican/run-store';
import { CountingKind, type CountResource, type CountSpec, type CountTypes } from '../test/counting-kind.ts';
import {
  JOB_STATE,
  JobService,
  MAX_STARTS_WITHOUT_PROGRESS,
  type JobServiceOptions,
  type JobWatchMessage,
} from './mod.ts';

const { QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED, PAUSED } = JOB_STATE;

interface Bench {
  readonly kind: CountingKind;
  readonly jobs: JobService<CountTypes>;
  /**
   * Ends the service and opens it again on the same store.
   * @param between what is done to the store, as if processes had been there that were killed
   */
  readonly restart: (
    between?: (store: RunStore) => void,
  ) => Promise<{ kind: CountingKind; jobs: JobService<CountTypes> }>;
}

function bench(t: TestContext, options: Partial<JobServiceOptions> = {}): Bench {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-jobs-'));
  const storeFile = path.join(folder, 'counts.sqlite');
  const open = (kind: CountingKind): JobService<CountTypes> =>
    new JobService(kind, {
      storeFile,
      concurrency: 1,
      maxQueued: 10,
      logger: createLogger('test', 'silent'),
      ...options,
    });
  const kind = new CountingKind();
  let jobs = open(kind);
  t.after(async () => {
    await jobs.close();
    rmSync(folder, { recursive: true });
  });
  return {
    kind,
    jobs,
    restart: async (between) => {
      await jobs.close();
      if (between !== undefined) {
        const store = RunStore.open(storeFile, { collection: 'counts' });
        between(store);
        store.close();
      }
      const again = new CountingKind();
      jobs = open(again);
      return { kind: again, jobs };
    },
  };
}

const create = (
  jobs: JobService<CountTypes>,
  spec: CountSpec | undefined = { to: 3 },
  requestId = '',
): Promise<CountResource> => jobs.create({ spec, requestId, validateOnly: false });

async function events(
  jobs: JobService<CountTypes>,
  name: string,
  resumeToken = '',
): Promise<JobWatchMessage<CountTypes['event']>[]> {
  const seen: JobWatchMessage<CountTypes['event']>[] = [];
  for await (const event of jobs.watch({ name, resumeToken }, new AbortController().signal)) seen.push(event);
  return seen;
}

function states(seen: readonly JobWatchMessage<CountTypes['event']>[]): number[] {
  return seen.flatMap(({ event }) => (event?.$case === 'stateChange' ? [(event.value as CountResource).state] : []));
}

const refused = (code: number, reason: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError, String(error));
  assert.deepEqual([error.code, error.reason], [code, reason], error.message);
  assert.match(error.message, message);
  return true;
};

test('JobService runs a job from QUEUED to SUCCEEDED and tells every step of it once', async (t) => {
  const { jobs } = bench(t);
  const created = await create(jobs);
  assert.match(created.name, /^counts\/[0-9a-f-]{36}$/);
  const seen = await events(jobs, created.name);
  assert.deepEqual(states(seen), [QUEUED, RUNNING, SUCCEEDED]);
  assert.deepEqual(
    seen.flatMap(({ event }) => (event?.$case === 'counted' ? [event.value] : [])),
    [1, 2, 3],
  );
  assert.deepEqual(
    seen.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6],
  );
  const done = jobs.get(created.name);
  assert.deepEqual([done.state, done.result, done.progress], [SUCCEEDED, { sum: 6 }, { count: 3 }]);
  assert.ok(done.createTime! <= done.startTime! && done.startTime! <= done.endTime!);
});

test('JobService.create refuses what the kind refuses, and a request without a spec, and stores nothing', async (t) => {
  const { jobs } = bench(t);
  const { INVALID_ARGUMENT } = grpcStatus;
  await assert.rejects(create(jobs, { to: 0 }), refused(INVALID_ARGUMENT, 'INVALID_FIELD', /spec\.to: is 0/));
  await assert.rejects(
    jobs.create({ spec: undefined, requestId: 'x'.repeat(201), validateOnly: false }),
    refused(INVALID_ARGUMENT, 'INVALID_FIELD', /^spec: must be set; request_id: has 201 characters, at most 200/),
  );
  const checked = await jobs.create({ spec: { to: 3 }, requestId: 'checked', validateOnly: true });
  assert.deepEqual([checked.name, checked.uid, checked.state], ['', '', QUEUED]);
  assert.deepEqual(jobs.list({ pageSize: 0, pageToken: '' }).resources, []);
  // The request id of a check is not used up.
  assert.match((await create(jobs, { to: 4 }, 'checked')).name, /^counts\//);
});

test('JobService.create gives a repeated request the first one’s job, even where the queue is full', async (t) => {
  const { kind, jobs } = bench(t, { maxQueued: 1 });
  kind.hold();
  const running = await create(jobs, { to: 3 }, 'running');
  const waiting = await create(jobs, { to: 4 }, 'waiting');
  await assert.rejects(
    create(jobs, { to: 5 }, 'one too many'),
    refused(grpcStatus.RESOURCE_EXHAUSTED, 'QUEUE_FULL', /1 counts wait, at most 1 may/),
  );
  assert.equal((await create(jobs, { to: 3 }, 'running')).name, running.name);
  assert.equal((await create(jobs, { to: 4 }, 'waiting')).name, waiting.name);
  await assert.rejects(
    create(jobs, { to: 99 }, 'waiting'),
    refused(grpcStatus.ALREADY_EXISTS, 'REQUEST_ID_REUSED', /"waiting"/),
  );
  assert.equal(jobs.list({ pageSize: 0, pageToken: '' }).resources.length, 2, 'a refused one is not stored');
  kind.release();
  await events(jobs, waiting.name);
  assert.equal(kind.begun.length, 2);
});

test('JobService runs no more jobs at a time than it may, in the order in which they came', async (t) => {
  const { kind, jobs } = bench(t, { concurrency: 2 });
  kind.hold();
  const names: string[] = [];
  for (let index = 0; index < 4; index++) names.push((await create(jobs)).name);
  await new Promise(setImmediate);
  assert.deepEqual(
    names.map((name) => jobs.get(name).state),
    [RUNNING, RUNNING, QUEUED, QUEUED],
  );
  kind.release();
  for (const name of names) await events(jobs, name);
  assert.deepEqual(
    kind.begun.map(({ name }) => name),
    names,
  );
});

test('JobService ends a job that throws as FAILED with the status that its kind makes', async (t) => {
  const { jobs } = bench(t);
  const { name } = await create(jobs, { to: 3, failAt: 2 });
  assert.deepEqual(states(await events(jobs, name)), [QUEUED, RUNNING, FAILED]);
  const { error, result, progress } = jobs.get(name);
  assert.deepEqual([error?.code, error?.message, result, progress], [11, '2 is too much', undefined, { count: 1 }]);
});

test('JobService.list pages through jobs, newest first, and refuses tokens that are not its own', async (t) => {
  const { jobs } = bench(t);
  const names: string[] = [];
  for (let index = 0; index < 5; index++) names.unshift((await create(jobs)).name);
  const listed: string[] = [];
  let pageToken = '';
  do {
    const page = jobs.list({ pageSize: 2, pageToken });
    listed.push(...page.resources.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.deepEqual(listed, names);
  const { INVALID_ARGUMENT } = grpcStatus;
  assert.throws(
    () => jobs.list({ pageSize: 2, pageToken: 'bm9uc2Vuc2U' }),
    refused(INVALID_ARGUMENT, 'INVALID_FIELD', /page_token/),
  );
  assert.throws(
    () => jobs.list({ pageSize: -1, pageToken: '' }),
    refused(INVALID_ARGUMENT, 'INVALID_FIELD', /page_size: is -1/),
  );
});

test('JobService.watch goes on after a resume token without loss or repetition, and refuses another job’s', async (t) => {
  const { kind, jobs } = bench(t);
  kind.hold();
  const [first, second] = [await create(jobs, { to: 20 }), await create(jobs)];
  const early: JobWatchMessage<CountTypes['event']>[] = [];
  // Attached before anything happens; lets go in the middle, as a client whose network breaks.
  const watched = (async () => {
    for await (const event of jobs.watch({ name: first.name, resumeToken: '' }, new AbortController().signal)) {
      early.push(event);
      if (early.length === 7) return;
    }
  })();
  kind.release();
  await watched;
  const rest = await events(jobs, first.name, early.at(-1)!.resumeToken);
  const whole = await events(jobs, first.name);
  assert.deepEqual([...early, ...rest], whole);
  assert.equal(whole.length, 23, 'three states and twenty numbers');
  const { INVALID_ARGUMENT, NOT_FOUND } = grpcStatus;
  await assert.rejects(
    events(jobs, second.name, whole[1]!.resumeToken),
    refused(INVALID_ARGUMENT, 'INVALID_FIELD', /resume_token/),
  );
  await assert.rejects(
    events(jobs, first.name, 'bm9uc2Vuc2U'),
    refused(INVALID_ARGUMENT, 'INVALID_FIELD', /resume_token/),
  );
  await assert.rejects(events(jobs, 'counts/none'), refused(NOT_FOUND, 'RESOURCE_NOT_FOUND', /counts\/none/));
});

test('JobService.watch ends with its signal, and a watcher that does not read holds up no job', async (t) => {
  const { jobs } = bench(t);
  const { name } = await create(jobs, { to: 50 });
  const slow = jobs.watch({ name, resumeToken: '' }, new AbortController().signal)[Symbol.asyncIterator]();
  await slow.next();
  await events(jobs, name);
  assert.equal(jobs.get(name).state, SUCCEEDED);
  assert.equal((await slow.next()).value?.sequence, 2);
  const other = await create(jobs, { to: 1 });
  await events(jobs, other.name);
  const stop = new AbortController();
  stop.abort(new Error('gone'));
  await assert.rejects(jobs.watch({ name, resumeToken: '' }, stop.signal).next(), /gone/);
});

test('JobService.cancel ends a waiting job at once and a running one through its signal, and no job twice', async (t) => {
  const { kind, jobs } = bench(t);
  kind.hold();
  const [running, waiting] = [await create(jobs), await create(jobs)];
  assert.equal(jobs.cancel(waiting.name).state, CANCELLED);
  jobs.cancel(running.name);
  assert.deepEqual(states(await events(jobs, running.name)), [QUEUED, RUNNING, CANCELLED]);
  assert.deepEqual(states(await events(jobs, waiting.name)), [QUEUED, CANCELLED]);
  assert.equal(kind.begun.length, 1, 'the waiting one never began');
  const { FAILED_PRECONDITION, NOT_FOUND } = grpcStatus;
  assert.throws(() => jobs.cancel(running.name), refused(FAILED_PRECONDITION, 'ALREADY_FINAL', /has ended already/));
  assert.throws(() => jobs.cancel('counts/none'), refused(NOT_FOUND, 'RESOURCE_NOT_FOUND', /counts\/none/));
  assert.throws(() => jobs.get('counts/none'), refused(NOT_FOUND, 'RESOURCE_NOT_FOUND', /counts\/none/));
});

test('JobService.pause and resume allow no transition but those between waiting, running and paused', async (t) => {
  const { kind, jobs } = bench(t);
  const { FAILED_PRECONDITION } = grpcStatus;
  kind.hold();
  const { name } = await create(jobs);
  assert.throws(() => jobs.resume(name), refused(FAILED_PRECONDITION, 'NOT_PAUSED', /is not paused/));
  jobs.pause(name);
  while (jobs.get(name).state !== PAUSED) await new Promise(setImmediate);
  assert.equal(jobs.get(name).endTime, undefined);
  assert.throws(() => jobs.pause(name), refused(FAILED_PRECONDITION, 'ALREADY_PAUSED', /is paused already/));
  kind.release();
  jobs.resume(name);
  assert.deepEqual(states(await events(jobs, name)), [QUEUED, RUNNING, PAUSED, QUEUED, RUNNING, SUCCEEDED]);
  assert.deepEqual(
    kind.begun.map(({ isRecovered }) => isRecovered),
    [false, true],
  );
  for (const illegal of [() => jobs.pause(name), () => jobs.resume(name), () => jobs.cancel(name)])
    assert.throws(illegal, refused(FAILED_PRECONDITION, 'ALREADY_FINAL', /has ended already/));
});

test('JobService.cancel outdoes a pause that is under way, and ends a paused job', async (t) => {
  const { kind, jobs } = bench(t);
  kind.hold();
  const [pausing, paused] = [await create(jobs), await create(jobs)];
  jobs.pause(pausing.name);
  jobs.cancel(pausing.name);
  assert.deepEqual(states(await events(jobs, pausing.name)), [QUEUED, RUNNING, CANCELLED]);
  while (jobs.get(paused.name).state !== RUNNING) await new Promise(setImmediate);
  jobs.pause(paused.name);
  while (jobs.get(paused.name).state !== PAUSED) await new Promise(setImmediate);
  assert.equal(jobs.cancel(paused.name).state, CANCELLED);
});

test('JobService takes up what its last process left: running jobs first ran, paused ones stay', async (t) => {
  const { kind, jobs, restart } = bench(t);
  kind.hold();
  const [running, paused, waiting] = [await create(jobs), await create(jobs), await create(jobs)];
  jobs.pause(paused.name);
  const watched = events(jobs, running.name);
  const ended = assert.rejects(watched, refused(grpcStatus.UNAVAILABLE, 'SERVICE_STOPPING', /attach again/));
  const next = await restart();
  await ended;
  assert.deepEqual(states(await events(next.jobs, running.name)), [QUEUED, RUNNING, RUNNING, SUCCEEDED]);
  assert.deepEqual(states(await events(next.jobs, waiting.name)), [QUEUED, RUNNING, SUCCEEDED]);
  assert.deepEqual(next.kind.begun, [
    { name: running.name, isRecovered: true },
    { name: waiting.name, isRecovered: false },
  ]);
  assert.equal(next.jobs.get(paused.name).state, PAUSED);
});

test('JobService starts no job any more that ended the service so often before it made progress', async (t) => {
  const { kind, jobs, restart } = bench(t);
  kind.hold();
  const [running, waiting] = [await create(jobs), await create(jobs)];
  const startsOfKilledServices = MAX_STARTS_WITHOUT_PROGRESS;
  const next = await restart((store) => {
    for (let start = 0; start < startsOfKilledServices; start++) store.recordStart(running.name);
  });
  assert.deepEqual(states(await events(next.jobs, running.name)), [QUEUED, RUNNING, FAILED]);
  assert.match(next.jobs.get(running.name).error?.message ?? '', /^counts\/\S+ was started 3 times$/);
  assert.deepEqual(states(await events(next.jobs, waiting.name)), [QUEUED, RUNNING, SUCCEEDED], 'the next one runs');
  assert.deepEqual(next.kind.begun, [{ name: waiting.name, isRecovered: false }]);
});

test('JobService counts no start that was ended in order, by the service or by a pause', async (t) => {
  const { kind, jobs, restart } = bench(t);
  kind.hold();
  const { name } = await create(jobs);
  let last = { kind, jobs };
  const killedOnce = (store: RunStore): void => {
    store.recordStart(name);
  };
  const killedToTheLimit = (store: RunStore): void => {
    for (let start = 1; start < MAX_STARTS_WITHOUT_PROGRESS; start++) store.recordStart(name);
  };
  // Each service that is closed, and each resume after a pause, forgets what the killed ones before it left.
  for (let round = 0; round < 3; round++) {
    const next = await restart(round === 0 ? killedToTheLimit : killedOnce);
    next.kind.hold();
    while (next.kind.begun.length === 0) {
      assert.notEqual(next.jobs.get(name).state, FAILED, `round ${round}`);
      await new Promise(setImmediate);
    }
    last = next;
  }
  last.jobs.pause(name);
  while (last.jobs.get(name).state !== PAUSED) await new Promise(setImmediate);
  const next = await restart(killedToTheLimit);
  next.jobs.resume(name);
  assert.equal(states(await events(next.jobs, name)).at(-1), SUCCEEDED);
});
