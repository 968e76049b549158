import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, backup } from 'node:sqlite';

export interface BackupOptions {
  readonly folder: string;
  /** What the file's name begins with. */
  readonly name: string;
  /** How many are kept, this one among them. */
  readonly keptCount: number;
}

// NAME-2026-11-27T06-00-00-000Z.sqlite: names sort by time, and have no colon, which some file systems refuse.
const fileName = (name: string, time: Date): string => `${name}-${time.toISOString().replaceAll(/[:.]/g, '-')}.sqlite`;

/** Names of the backups of a store in a folder, oldest first; none where there is no folder. */
export function listBackups(folder: string, name: string): string[] {
  try {
    const pattern = new RegExp(`^${name}-\\d{4}-\\d\\d-\\d\\dT[\\d-]+Z\\.sqlite$`);
    return readdirSync(folder)
      .filter((file) => pattern.test(file))
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
    await backup(database, unfinished);
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
