import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

// https://www.sqlite.org/rescode.html
const SQLITE_BUSY = 5;

/**
 * Takes a lock that the kernel holds for this process and lets go when it ends, however it ends: of a POSIX record lock on an
 * (empty) database of SQLite's, which Node has no other way to. A process id in a file would not do. In a container the service
 * is process 1, before and after a restart and in the container beside it, and ids of what was killed go to others at once.
 * @param file need not exist; whoever holds the lock may remove it
 * @returns what gives it back; undefined where another process, or another caller in this one, holds it
 * @throws Error of the system where there can be no such file
 */
export function tryLockFile(file: string): (() => void) | undefined {
  let held = tryOpenLocked(file);
  // Who held it before may have removed the file meanwhile: what is locked is to be the file of that name.
  while (held !== undefined) {
    const other = tryOpenLocked(file);
    if (other === undefined) {
      const database = held;
      return () => {
        database.close();
      };
    }
    held.close();
    held = other;
  }
  return undefined;
}

function tryOpenLocked(file: string): DatabaseSync | undefined {
  makeFile(file);
  const database = new DatabaseSync(file);
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

/** SQLite would make it, too, but not say what keeps it from doing so. */
function makeFile(file: string): void {
  try {
    // A file that is there is not opened: to close it again would let go of the process's locks on it (fcntl(2)).
    closeSync(openSync(file, 'wx'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
