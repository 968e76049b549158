import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { storageError } from '@pemmican/storage';
import { PreconditionError } from '../precondition-error.ts';

const LOCK_FILE_NAME = '.pemmican-run.lock';

// A child that lost its service ends after the step that it is making; steps take seconds.
const WAIT_MS = 120_000;
const POLL_MS = 100;

/**
 * Takes a run's folder for this process. A service that was killed and started again may find its old child still at its
 * last step: the new one waits until that is gone, so that two never write the same checkpoints.
 * @returns what gives the folder back
 * @throws PreconditionError RUN_FOLDER_IN_USE
 */
export async function lockRunFolder(folder: string, waitMs = WAIT_MS): Promise<() => Promise<void>> {
  const file = path.join(folder, LOCK_FILE_NAME);
  const deadline = Date.now() + waitMs;
  for (;;) {
    try {
      await writeFile(file, `${process.pid}\n`, { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw storageError(error, file);
    }
    const holder = Number((await readFile(file, 'utf8').catch(() => '')).trim());
    if (!isAlive(holder)) await rm(file, { force: true });
    else if (Date.now() > deadline)
      throw new PreconditionError('RUN_FOLDER_IN_USE', `${folder}: process ${holder} is training in this folder`);
    else await delay(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
