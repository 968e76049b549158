import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { RunStoreError } from './error.ts';
import { tryLockFile } from './file-lock.ts';

/**
 * Makes this process the only one that writes a store, also where the other one is in another container with the same volume.
 * @returns what gives the store back
 * @throws RunStoreError LOCKED
 */
export function lockStore(file: string): () => void {
  mkdirSync(path.dirname(file), { recursive: true });
  const unlock = tryLockFile(`${file}-lock`);
  if (unlock === undefined) throw new RunStoreError('LOCKED', `${file}: another process has this store open`);
  return unlock;
}
