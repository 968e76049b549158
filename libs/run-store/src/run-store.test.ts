import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { RunStore, RunStoreError, type NewResource } from './mod.ts';

function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-run-store-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return path.join(folder, 'store.sqlite');
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const input = (overrides: Partial<NewResource> = {}): NewResource => ({
  requestId: '',
  requestDigest: 'd',
  spec: bytes('spec'),
  state: 1,
  resource: (name) => bytes(name),
  event: () => bytes('created'),
  ...overrides,
});
const never = new AbortController().signal;

test('RunStore.create returns the first resource for a repeated request id and refuses another request', (t) => {
  const store = RunStore.open(temporaryFile(t), { collection: 'runs' });
  const first = store.create(input({ requestId: 'a' }));
  const again = store.create(input({ requestId: 'a' }));
  assert.equal(first.isNew, true);
  assert.equal(again.isNew, false);
  assert.equal(again.resource.name, first.resource.name);
  assert.throws(
    () => store.create(input({ requestId: 'a', requestDigest: 'other' })),
    (error) => error instanceof RunStoreError && error.code === 'REQUEST_ID_REUSED',
  );
  store.close();
});

test('RunStore.list pages newest first without losing or repeating a resource', (t) => {
  const store = RunStore.open(temporaryFile(t), { collection: 'runs' });
  const names = Array.from({ length: 7 }, () => store.create(input()).resource.name);
  const seen: string[] = [];
  let token = '';
  do {
    const page = store.list({ pageSize: 3, pageToken: token });
    seen.push(...page.resources.map((resource) => resource.name));
    // A resource that comes in between belongs to no later page.
    store.create(input());
    token = page.nextPageToken;
  } while (token !== '');
  assert.deepEqual(seen, names.toReversed());
  assert.throws(
    () => store.list({ pageSize: 3, pageToken: 'garbage' }),
    (error) => error instanceof RunStoreError && error.code === 'INVALID_PAGE_TOKEN',
  );
  store.close();
});

test('RunStore.watch replays, follows and ends after the final event; a resume token continues without loss or repeats', async (t) => {
  const store = RunStore.open(temporaryFile(t), { collection: 'runs' });
  const { name } = store.create(input()).resource;
  for (let index = 0; index < 600; index++) store.append(name, bytes(`event ${index}`));
  const seen: string[] = [];
  let token = '';
  for await (const event of store.watch(name, '', never)) {
    seen.push(text(event.payload));
    token = event.resumeToken;
    if (seen.length === 300) break;
  }
  setImmediate(() => {
    store.append(name, bytes('late'));
    setImmediate(() => {
      store.append(name, bytes('end'), { state: 3, isFinal: true, resource: bytes('done') });
    });
  });
  for await (const event of store.watch(name, token, never)) seen.push(text(event.payload));
  assert.deepEqual(seen, ['created', ...Array.from({ length: 600 }, (_, index) => `event ${index}`), 'late', 'end']);
  assert.equal(text(store.get(name).resource), 'done');
  store.close();
});

test('RunStore.watch refuses tokens of another resource, of the future and garbage', async (t) => {
  const store = RunStore.open(temporaryFile(t), { collection: 'runs' });
  const [one, other] = [store.create(input()).resource, store.create(input()).resource];
  const foreign = store.events(other.name, 0)[0]!.resumeToken;
  const future = Buffer.from(`r ${one.uid} 99`).toString('base64url');
  for (const token of [foreign, future, 'garbage', Buffer.from(`r ${one.uid} 1 2`).toString('base64url')]) {
    await assert.rejects(
      store.watch(one.name, token, never).next(),
      (error) => error instanceof RunStoreError && error.code === 'INVALID_RESUME_TOKEN',
    );
  }
  store.close();
});

test('RunStore.watch ends with the reason of its signal', async (t) => {
  const store = RunStore.open(temporaryFile(t), { collection: 'runs' });
  const { name } = store.create(input()).resource;
  const controller = new AbortController();
  const watch = store.watch(name, '', controller.signal);
  await watch.next();
  const waiting = watch.next();
  controller.abort(new Error('gone'));
  await assert.rejects(waiting, /gone/);
  store.close();
});

test('RunStore.open refuses a store that another process has open and takes over one of a process that was killed', async (t) => {
  const file = temporaryFile(t);
  const isLocked = (error: unknown): boolean => error instanceof RunStoreError && error.code === 'LOCKED';
  const child = fork(path.join(import.meta.dirname, 'run-store.writer.ts'), [file]);
  await once(child, 'message');
  assert.throws(() => RunStore.open(file, { collection: 'runs' }), isLocked);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const store = RunStore.open(file, { collection: 'runs' });
  assert.throws(() => RunStore.open(file, { collection: 'runs' }), isLocked, 'nor twice in one process');
  store.close();
  RunStore.open(file, { collection: 'runs' }).close();
});

test('RunStore loses no acknowledged event when its process is killed', async (t) => {
  const file = temporaryFile(t);
  for (let round = 0; round < 5; round++) {
    const child = fork(path.join(import.meta.dirname, 'run-store.writer.ts'), [file]);
    let acknowledged = 0;
    child.on('message', (sequence) => {
      acknowledged = Number(sequence);
    });
    await new Promise((resolve) => setTimeout(resolve, 150 + round * 37));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const store = RunStore.open(file, { collection: 'runs' });
    const name = store.unfinished()[0]?.name;
    if (name !== undefined) {
      let last = 0;
      for (let page = store.events(name, 0); page.length > 0; page = store.events(name, last)) {
        for (const event of page) {
          assert.equal(event.sequence, last + 1);
          last = event.sequence;
        }
      }
      assert.equal(store.get(name).lastSequence, last);
      assert.ok(last >= acknowledged, `${acknowledged} acknowledged, ${last} stored`);
    }
    store.close();
  }
});

test('RunStore.recordStart counts starts since the last progress: that is what goes past every earlier mark', (t) => {
  const file = temporaryFile(t);
  let store = RunStore.open(file, { collection: 'runs' });
  const { name } = store.create(input()).resource;
  const other = store.create(input()).resource.name;
  const tell = (progressMark?: number): void => {
    store.append(name, bytes('event'), {
      state: 2,
      isFinal: false,
      resource: bytes(name),
      ...(progressMark === undefined ? {} : { progressMark }),
    });
  };
  const starts: number[] = [];
  const start = (): void => {
    starts.push(store.recordStart(name));
    // As after a kill: the count is in the file.
    store.close();
    store = RunStore.open(file, { collection: 'runs' });
  };
  start();
  start();
  tell(0);
  tell();
  start();
  tell(7);
  start();
  for (const mark of [3, 7]) tell(mark);
  start();
  tell(8);
  start();
  store.append(name, bytes('an event alone'));
  start();
  store.forgetStarts(name);
  start();
  assert.deepEqual(starts, [1, 2, 3, 1, 2, 1, 2, 1]);
  assert.equal(store.recordStart(other), 1);
  assert.throws(
    () => store.recordStart('runs/none'),
    (error) => error instanceof RunStoreError && error.code === 'NOT_FOUND',
  );
  store.close();
});

test('RunStore.open takes a store of the first version, with all that is in it, and refuses one of a version to come', (t) => {
  const file = temporaryFile(t);
  const first = new DatabaseSync(file);
  // As version 0.1.0 made it before starts were counted.
  first.exec(`
    CREATE TABLE resource (
      row_number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, uid TEXT NOT NULL, request_id TEXT UNIQUE,
      request_digest TEXT NOT NULL, state INTEGER NOT NULL, is_final INTEGER NOT NULL, spec BLOB NOT NULL, resource BLOB NOT NULL,
      last_sequence INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX resource_state ON resource (state);
    CREATE INDEX resource_unfinished ON resource (is_final) WHERE is_final = 0;
    CREATE TABLE event (
      name TEXT NOT NULL REFERENCES resource (name) ON DELETE CASCADE, sequence INTEGER NOT NULL, time_ms INTEGER NOT NULL,
      payload BLOB NOT NULL, PRIMARY KEY (name, sequence)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
    INSERT INTO resource VALUES (1, 'runs/old', 'old', 'request', 'd', 2, 0, x'01', x'02', 1);
    INSERT INTO event VALUES ('runs/old', 1, 1000, x'03');`);
  first.close();
  const store = RunStore.open(file, { collection: 'runs' });
  assert.deepEqual(
    store.unfinished().map(({ name, state, lastSequence }) => ({ name, state, lastSequence })),
    [{ name: 'runs/old', state: 2, lastSequence: 1 }],
  );
  assert.deepEqual([...store.events('runs/old', 0)[0]!.payload], [3]);
  assert.equal(store.recordStart('runs/old'), 1);
  store.append('runs/old', bytes('on'), { state: 3, isFinal: true, resource: bytes('done'), progressMark: 1 });
  assert.equal(store.get('runs/old').lastSequence, 2);
  store.close();
  const later = new DatabaseSync(file);
  later.exec('PRAGMA user_version = 99');
  later.close();
  assert.throws(
    () => RunStore.open(file, { collection: 'runs' }),
    /has schema version 99, this version of pemmican knows 2/,
  );
});
