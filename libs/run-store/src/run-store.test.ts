import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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
