import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { createLogger } from '@pemmican/rpc';
import { RunStore } from '@pemmican/run-store';
import { StoreMaintenance, readMaintenance, type MaintenanceOptions } from './maintenance.ts';

const DAY_MS = 86_400_000;
const FINAL = 3;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Bench {
  readonly folder: string;
  readonly store: RunStore;
  readonly forgotten: string[];
  /** One pass, to its end. */
  readonly maintain: (options: MaintenanceOptions) => Promise<void>;
  /** Stores a run that ended some days ago, or goes on. */
  readonly add: (daysAgo: number | undefined, requestId?: string) => string;
}

function bench(t: TestContext): Bench {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-maintenance-'));
  const store = RunStore.open(path.join(folder, 'runs.sqlite'), { collection: 'runs' });
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const forgotten: string[] = [];
  const add = (daysAgo: number | undefined, requestId = ''): string => {
    const now = Date.now();
    t.mock.timers.enable({ apis: ['Date'], now: now - (daysAgo ?? 400) * DAY_MS });
    const fields = { requestId, requestDigest: '', spec: bytes(''), state: 1 };
    const { name } = store.create({ ...fields, resource: () => bytes('r'), event: () => bytes('e') }).resource;
    if (daysAgo !== undefined) store.append(name, bytes('end'), { state: FINAL, isFinal: true, resource: bytes('r') });
    t.mock.timers.reset();
    return name;
  };
  const maintain = async (options: MaintenanceOptions): Promise<void> => {
    const maintenance = new StoreMaintenance(options, {
      store,
      collection: 'runs',
      logger: createLogger('test', 'silent'),
      forget: ({ name }) => Promise.resolve(void forgotten.push(name)),
    });
    await maintenance.idle();
    await maintenance.close();
  };
  return { folder, store, forgotten, maintain, add };
}

test('jobs that ended before the retention are deleted with their events, others stay', async (t) => {
  const { store, forgotten, maintain, add } = bench(t);
  const old = Array.from({ length: 120 }, (_, index) => add(31, `request ${index}`));
  const kept = [add(29), add(undefined), add(0)];
  await maintain({ retentionMs: 30 * DAY_MS });
  assert.deepEqual(forgotten, old);
  const names = store.list({ pageSize: 1000, pageToken: '' }).resources.map(({ name }) => name);
  assert.deepEqual(names, kept.toReversed());
  assert.throws(() => store.events(old[0]!, 0), { code: 'NOT_FOUND' });
  assert.notEqual(add(0, 'request 0'), old[0], 'the id of a deleted request is free');
});

test('nothing is deleted without a retention', async (t) => {
  const { store, maintain, add } = bench(t);
  const name = add(10_000);
  await maintain({ retentionMs: 0 });
  assert.equal(store.get(name).name, name);
});

test('a backup is a store by itself, made when the newest is too old, and the oldest give way', async (t) => {
  const { folder, store, maintain, add } = bench(t);
  const name = add(undefined);
  const backups = path.join(folder, 'backups');
  const options = { retentionMs: 0, backup: { folder: backups, intervalMs: DAY_MS, keptCount: 2 } };
  await maintain(options);
  const [first = ''] = readdirSync(backups);
  assert.match(first, /^runs-\d{4}-\d\d-\d\dT[\d-]+Z\.sqlite$/);
  store.append(name, bytes('later'));
  await maintain(options);
  assert.deepEqual(readdirSync(backups), [first], 'the newest is young enough');
  writeFileSync(path.join(backups, 'analyses-2020-01-01T00-00-00-000Z.sqlite'), 'of another store');
  await maintain({ ...options, backup: { ...options.backup, intervalMs: 0 } });
  await maintain({ ...options, backup: { ...options.backup, intervalMs: 0 } });
  const names = readdirSync(backups);
  assert.equal(names.length, 3);
  assert.ok(!names.includes(first) && names.includes('analyses-2020-01-01T00-00-00-000Z.sqlite'));
  const restored = RunStore.open(path.join(backups, names.at(-1)!), { collection: 'runs' });
  assert.deepEqual(
    restored.events(name, 0).map(({ sequence }) => sequence),
    [1, 2],
  );
  restored.close();
});

test('a backup holds what was written while it was made, and readers of it need no other file', async (t) => {
  const { folder, store, add } = bench(t);
  const name = add(undefined);
  for (let index = 0; index < 2000; index++) store.append(name, new Uint8Array(1000));
  const writing = store.backUp(path.join(folder, 'backups'), 1);
  store.append(name, bytes('meanwhile'));
  const file = await writing;
  const copy = new DatabaseSync(file, { readOnly: true });
  assert.equal(copy.prepare('SELECT count(*) AS count FROM event').get()?.['count'], 2002);
  copy.close();
  assert.deepEqual(readdirSync(path.dirname(file)), [path.basename(file)]);
});

test('a backup that cannot be made leaves nothing and does not end the service', async (t) => {
  const { folder, store, maintain, add } = bench(t);
  add(undefined);
  const inTheWay = path.join(folder, 'file');
  writeFileSync(inTheWay, '');
  await maintain({ retentionMs: 0, backup: { folder: inTheWay, intervalMs: DAY_MS, keptCount: 1 } });
  await assert.rejects(store.backUp(path.join(inTheWay, 'deeper'), 1), { code: 'ENOTDIR' });
  assert.equal(store.unfinished().length, 1);
});

test('readMaintenance reads days and hours and names what is wrong', () => {
  assert.deepEqual(readMaintenance({}), { retentionMs: 0 });
  const environment = { PEMMICAN_RETENTION_DAYS: '1.5', PEMMICAN_BACKUP_DIRECTORY: '/backups' };
  assert.deepEqual(readMaintenance(environment), {
    retentionMs: 1.5 * DAY_MS,
    backup: { folder: '/backups', intervalMs: DAY_MS, keptCount: 7 },
  });
  assert.throws(
    () => readMaintenance({ PEMMICAN_RETENTION_DAYS: '-1', PEMMICAN_BACKUP_COUNT: 'all' }),
    /PEMMICAN_RETENTION_DAYS.*PEMMICAN_BACKUP_COUNT/,
  );
});
