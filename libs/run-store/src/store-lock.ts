import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RunStoreError } from './error.ts';

/**
 * Makes this process the only one that writes a store, by a file with its process id. A file that a killed process left
 * is taken over.
 * @returns what gives the store back
 * @throws RunStoreError LOCKED
 */
export function lockStore(file: string): () => void {
  mkdirSync(path.dirname(file), { recursive: true });
  const lock = `${file}.lock`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' });
      return () => {
        rmSync(lock, { force: true });
      };
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readFileSync(lock, 'utf8').trim());
    if (isAlive(holder)) throw new RunStoreError('LOCKED', `${file}: process ${holder} has this store open`);
    rmSync(lock, { force: true });
  }
  throw new RunStoreError('LOCKED', `${file}: another process keeps taking this store`);
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
