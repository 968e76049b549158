import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { backUpDatabase, newestBackupTime } from './backup.ts';
import { RunStoreError } from './error.ts';
import { RecentEvents } from './recent-events.ts';
import { migrate } from './schema.ts';
import { lockStore } from './store-lock.ts';
import { pageToken, parsePageToken, parseResumeToken, resumeToken } from './tokens.ts';

/** A resource as it is stored. */
export interface StoredResource {
  /** `COLLECTION/ID` */
  readonly name: string;
  readonly uid: string;
  readonly state: number;
  readonly isFinal: boolean;
  /** The request that created it, as the owner encoded it. */
  readonly spec: Uint8Array;
  /** The resource as clients see it, as the owner encoded it. */
  readonly resource: Uint8Array;
  readonly lastSequence: number;
}

export interface StoredEvent {
  /** From 1, without holes. */
  readonly sequence: number;
  readonly resumeToken: string;
  readonly time: Date;
  readonly payload: Uint8Array;
}

export interface NewResource {
  /** Makes the call idempotent; empty for none. */
  readonly requestId: string;
  /** Digest of the request, to tell a repetition from a reuse. */
  readonly requestDigest: string;
  readonly spec: Uint8Array;
  readonly state: number;
  /** The resource, once its name and uid are known. */
  resource(name: string, uid: string): Uint8Array;
  /** The first event. */
  event(name: string, uid: string): Uint8Array;
}

export interface ResourceUpdate {
  readonly state: number;
  readonly isFinal: boolean;
  readonly resource: Uint8Array;
  /**
   * How far the work on the resource is, in a unit of the owner's. One that is past every earlier one is progress, and sets the
   * count of {@link RunStore.recordStart} to 0. An update without one says nothing of progress.
   */
  readonly progressMark?: number;
}

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1000;

// Events that a watcher takes from the database at a time, and that are kept of a resource that is watched: bounds the memory,
// whatever the history's length.
const WATCH_PAGE_SIZE = 256;

/** Resources of one collection and their events, on disk. One process writes; any number of watchers in it read. */
export class RunStore {
  readonly #database: DatabaseSync;
  readonly #unlock: () => void;
  readonly #collection: string;
  /** Of the resources that are watched. */
  readonly #recent = new Map<string, RecentEvents>();
  readonly #statements: ReturnType<typeof prepareStatements>;

  private constructor(database: DatabaseSync, unlock: () => void, collection: string) {
    this.#database = database;
    this.#unlock = unlock;
    this.#collection = collection;
    this.#statements = prepareStatements(database);
  }

  /**
   * Opens or makes a store.
   * @throws RunStoreError LOCKED when another process has it open
   */
  static open(file: string, options: { collection: string }): RunStore {
    mkdirSync(path.dirname(file), { recursive: true });
    const unlock = lockStore(file);
    try {
      const database = new DatabaseSync(file);
      // In WAL mode a commit survives the process; only a loss of power could take the newest ones with it.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
      migrate(database, file);
      return new RunStore(database, unlock, options.collection);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /**
   * Stores a resource with its first event.
   * @returns the new resource, or the one that an earlier call with the same request id made
   * @throws RunStoreError REQUEST_ID_REUSED
   */
  create(input: NewResource): { resource: StoredResource; isNew: boolean } {
    return this.#transaction(() => {
      if (input.requestId !== '') {
        const earlier = this.#statements.byRequest.get(input.requestId);
        if (earlier !== undefined) {
          if (earlier['request_digest'] !== input.requestDigest)
            throw new RunStoreError(
              'REQUEST_ID_REUSED',
              `Request id "${input.requestId}" was used with another request`,
            );
          return { resource: toResource(earlier), isNew: false };
        }
      }
      const uid = randomUUID();
      const name = `${this.#collection}/${uid}`;
      this.#statements.insert.run(
        name,
        uid,
        input.requestId === '' ? null : input.requestId,
        input.requestDigest,
        input.state,
        0,
        input.spec,
        input.resource(name, uid),
        1,
      );
      this.#statements.insertEvent.run(name, 1, Date.now(), input.event(name, uid));
      return { resource: this.get(name), isNew: true };
    });
  }

  /** @throws RunStoreError NOT_FOUND */
  get(name: string): StoredResource {
    const row = this.#statements.byName.get(name);
    if (row === undefined) throw new RunStoreError('NOT_FOUND', `There is no "${name}"`);
    return toResource(row);
  }

  /**
   * Resources, newest first.
   * @throws RunStoreError INVALID_PAGE_TOKEN
   */
  list(options: { pageSize: number; pageToken: string }): { resources: StoredResource[]; nextPageToken: string } {
    const before = options.pageToken === '' ? Number.MAX_SAFE_INTEGER : parsePageToken(options.pageToken);
    const size = options.pageSize === 0 ? DEFAULT_PAGE_SIZE : Math.min(options.pageSize, MAX_PAGE_SIZE);
    const rows = this.#statements.page.all(before, size + 1);
    const page = rows.slice(0, size);
    const last = page.at(-1);
    return {
      resources: page.map(toResource),
      nextPageToken: rows.length > size && last !== undefined ? pageToken(Number(last['row_number'])) : '',
    };
  }

  /** Resources that are in no final state, oldest first: what a service takes up again when it starts. */
  unfinished(): StoredResource[] {
    return this.#statements.unfinished.all().map(toResource);
  }

  /** Number of resources in a state. */
  count(state: number): number {
    return Number(this.#statements.count.get(state)?.['count'] ?? 0);
  }

  /**
   * Adds an event, with the change of the resource that it tells, in one transaction; then wakes the watchers.
   * @returns the event's sequence
   */
  append(name: string, payload: Uint8Array, update?: ResourceUpdate): number {
    const { event, isFinal } = this.#transaction(() => {
      const { uid, isFinal, lastSequence } = this.get(name);
      const sequence = lastSequence + 1;
      const time = new Date();
      this.#statements.insertEvent.run(name, sequence, time.getTime(), payload);
      if (update === undefined) this.#statements.touch.run(sequence, name);
      else {
        const { state, isFinal, resource, progressMark = 0 } = update;
        this.#statements.update.run(state, isFinal ? 1 : 0, resource, sequence, progressMark, progressMark, name);
      }
      const event = { sequence, resumeToken: resumeToken(uid, sequence), time, payload };
      return { event, isFinal: update?.isFinal ?? isFinal };
    });
    this.#recent.get(name)?.push(event, isFinal);
    return event.sequence;
  }

  /**
   * Counts that work on a resource is started, before it is: what the work then does to this process, it cannot undo that.
   * @returns starts since the last progress, this one included
   * @throws RunStoreError NOT_FOUND
   */
  recordStart(name: string): number {
    const row = this.#statements.recordStart.get(name);
    if (row === undefined) throw new RunStoreError('NOT_FOUND', `There is no "${name}"`);
    return Number(row['start_count']);
  }

  /** Sets the count of {@link recordStart} to 0: the work was stopped in order. */
  forgetStarts(name: string): void {
    this.#statements.forgetStarts.run(name);
  }

  /** All events of a resource after a sequence, a page at a time. */
  events(name: string, afterSequence: number, limit = WATCH_PAGE_SIZE): StoredEvent[] {
    const { uid } = this.get(name);
    return this.#statements.events.all(name, afterSequence, limit).map((row) => ({
      sequence: Number(row['sequence']),
      resumeToken: resumeToken(uid, Number(row['sequence'])),
      time: new Date(Number(row['time_ms'])),
      payload: toBytes(row['payload']),
    }));
  }

  /**
   * Follows a resource from its first event, or from a resume token on, until it is final. Events are taken when the consumer
   * asks for them, so a slow consumer holds nothing and slows nobody: those of the past from the database, those that were just
   * stored from memory, as objects that all watchers share.
   * @throws RunStoreError NOT_FOUND, INVALID_RESUME_TOKEN; the signal's reason
   */
  async *watch(name: string, token: string, signal: AbortSignal): AsyncGenerator<StoredEvent, void, undefined> {
    const start = this.get(name);
    let sequence = token === '' ? 0 : parseResumeToken(token, start.uid, start.lastSequence);
    const recent = this.#recent.get(name) ?? new RecentEvents(start, WATCH_PAGE_SIZE);
    this.#recent.set(name, recent);
    recent.watcherCount++;
    let wake = (): void => undefined;
    const onAbort = (): void => {
      wake();
    };
    signal.addEventListener('abort', onAbort);
    try {
      for (;;) {
        signal.throwIfAborted();
        const page = recent.after(sequence) ?? this.events(name, sequence);
        for (const event of page) {
          yield event;
          sequence = event.sequence;
        }
        if (page.length > 0) continue;
        if (recent.isFinal) return;
        // Nothing can come in between: looking for events and waiting happen in one turn of the event loop.
        await new Promise<void>((resolve) => {
          wake = resolve;
          recent.onNext(resolve);
        });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      recent.forget(wake);
      if (--recent.watcherCount === 0) this.#recent.delete(name);
    }
  }

  /**
   * Deletes final resources whose last event is older than a moment, oldest first, with their events. Their request ids may be
   * used again.
   * @param limit most that are deleted in one transaction
   * @returns what was deleted
   */
  deleteEndedBefore(time: Date, limit: number): StoredResource[] {
    return this.#transaction(() => {
      const ended = this.#statements.endedBefore.all(time.getTime(), limit).map(toResource);
      for (const { name } of ended) this.#statements.delete.run(name);
      return ended;
    });
  }

  /**
   * Writes a copy of the store, as it is at the end, while it is in use.
   * @returns the copy's path, which has the time in its name
   * @throws Error of the file system
   */
  backUp(folder: string, keptCount: number): Promise<string> {
    return backUpDatabase(this.#database, { folder, name: this.#collection, keptCount });
  }

  /** When the newest backup in a folder was made; undefined where there is none. */
  newestBackupTime(folder: string): Date | undefined {
    return newestBackupTime(folder, this.#collection);
  }

  close(): void {
    this.#database.close();
    this.#unlock();
  }

  #transaction<Value>(work: () => Value): Value {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const value = work();
      this.#database.exec('COMMIT');
      return value;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

function prepareStatements(
  database: DatabaseSync,
): Record<
  | 'insert'
  | 'insertEvent'
  | 'byRequest'
  | 'byName'
  | 'page'
  | 'unfinished'
  | 'endedBefore'
  | 'delete'
  | 'count'
  | 'update'
  | 'touch'
  | 'recordStart'
  | 'forgetStarts'
  | 'events',
  StatementSync
> {
  const columns = 'row_number, name, uid, request_digest, state, is_final, spec, resource, last_sequence';
  return {
    insert: database.prepare(
      'INSERT INTO resource (name, uid, request_id, request_digest, state, is_final, spec, resource, last_sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    insertEvent: database.prepare('INSERT INTO event (name, sequence, time_ms, payload) VALUES (?, ?, ?, ?)'),
    byRequest: database.prepare(`SELECT ${columns} FROM resource WHERE request_id = ?`),
    byName: database.prepare(`SELECT ${columns} FROM resource WHERE name = ?`),
    page: database.prepare(`SELECT ${columns} FROM resource WHERE row_number < ? ORDER BY row_number DESC LIMIT ?`),
    unfinished: database.prepare(`SELECT ${columns} FROM resource WHERE is_final = 0 ORDER BY row_number`),
    endedBefore: database.prepare(
      `SELECT ${columns} FROM resource WHERE is_final = 1 AND
         (SELECT time_ms FROM event WHERE event.name = resource.name AND sequence = last_sequence) < ?
       ORDER BY row_number LIMIT ?`,
    ),
    delete: database.prepare('DELETE FROM resource WHERE name = ?'),
    count: database.prepare('SELECT count(*) AS count FROM resource WHERE state = ?'),
    // Each right-hand side reads the row as it was before.
    update: database.prepare(
      `UPDATE resource SET state = ?, is_final = ?, resource = ?, last_sequence = ?,
         start_count = iif(? > progress_mark, 0, start_count), progress_mark = max(?, progress_mark) WHERE name = ?`,
    ),
    recordStart: database.prepare(
      'UPDATE resource SET start_count = start_count + 1 WHERE name = ? RETURNING start_count',
    ),
    forgetStarts: database.prepare('UPDATE resource SET start_count = 0 WHERE name = ?'),
    touch: database.prepare('UPDATE resource SET last_sequence = ? WHERE name = ?'),
    events: database.prepare(
      'SELECT sequence, time_ms, payload FROM event WHERE name = ? AND sequence > ? ORDER BY sequence LIMIT ?',
    ),
  };
}

type Row = Record<string, unknown>;

function toResource(row: Row): StoredResource {
  return {
    name: String(row['name']),
    uid: String(row['uid']),
    state: Number(row['state']),
    isFinal: Number(row['is_final']) === 1,
    spec: toBytes(row['spec']),
    resource: toBytes(row['resource']),
    lastSequence: Number(row['last_sequence']),
  };
}

function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError('A column that holds bytes holds something else');
}
