import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { tryLockFile } from '@pemmican/run-store';
import { storageError } from '@pemmican/storage';
import { PreconditionError } from '../precondition-error.ts';

// Not `.lock`: an earlier version kept a process id in a file of that name.
const LOCK_FILE_NAME = '.pemmican-run-lock';

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
    const unlock = tryLock(file);
    if (unlock !== undefined)
      return async () => {
        // First the file: while it is locked, nobody else's is removed.
        await rm(file, { force: true });
        unlock();
      };
    if (Date.now() > deadline)
      throw new PreconditionError('RUN_FOLDER_IN_USE', `${folder}: another process is training in this folder`);
    await delay(POLL_MS);
  }
}

function tryLock(file: string): (() => void) | undefined {
  try {
    return tryLockFile(file);
  } catch (error) {
    throw storageError(error, file);
  }
}
