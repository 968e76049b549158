import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, backup } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';

// A transaction of the store takes a millisecond: one that is met so often is no transaction.
const MAX_ATTEMPTS = 100;
const RETRY_DELAY_MS = 10;

export interface BackupOptions {
  readonly folder: string;
  /** What the file's name begins with. */
  readonly name: string;
  /** How many are kept, this one among them. */
  readonly keptCount: number;
}

// NAME-2026-11-27T06-00-00-000Z.sqlite: names sort by time, and have no colon, which some file systems refuse.
const fileName = (name: string, time: Date): string => `${name}-${time.toISOString().replaceAll(/[:.]/g, '-')}.sqlite`;

// The time in it survives that the file is copied.
const NAME_PATTERN = /-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z\.sqlite$/;

/** When the newest backup of a store in a folder was made; undefined where there is none. */
export function newestBackupTime(folder: string, name: string): Date | undefined {
  const newest = listBackups(folder, name).at(-1);
  return newest === undefined
    ? undefined
    : new Date(newest.replace(NAME_PATTERN, ' $1T$2:$3:$4.$5Z').slice(name.length + 1));
}

/** Names of the backups of a store in a folder, oldest first; none where there is no folder. */
function listBackups(folder: string, name: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.replace(NAME_PATTERN, '') === name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Copies a database that is in use by SQLite's online backup, checks the copy, gives it its name only then, and removes the oldest
 * copies that are too many.
 */
export async function backUpDatabase(
  database: DatabaseSync,
  { folder, name, keptCount }: BackupOptions,
): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unfinished = path.join(folder, `${name}.unfinished`);
  rmSync(unfinished, { force: true });
  try {
    await copy(database, unfinished);
    check(unfinished);
    const file = path.join(folder, fileName(name, new Date()));
    renameSync(unfinished, file);
    for (const old of listBackups(folder, name).slice(0, -keptCount)) rmSync(path.join(folder, old));
    return file;
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/**
 * Copies when no transaction is being written. Node gives up where the first pages meet one, which SQLite calls busy, and its error
 * then has code 0 ("not an error"); later pages it tries again itself.
 */
async function copy(database: DatabaseSync, file: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await backup(database, file);
      return;
    } catch (error) {
      const isBusy = error instanceof Error && 'errcode' in error && error.errcode === 0;
      if (!isBusy || attempt === MAX_ATTEMPTS) throw error;
      await delay(RETRY_DELAY_MS);
    }
  }
}

/** Leaves one file that stands by itself: without WAL, which would make two more beside it when it is opened. */
function check(file: string): void {
  const copy = new DatabaseSync(file);
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
    const result = copy.prepare('PRAGMA quick_check').get()?.['quick_check'];
    if (result !== 'ok') throw new Error(`${file}: the copy is damaged: ${String(result)}`);
  } finally {
    copy.close();
  }
}
