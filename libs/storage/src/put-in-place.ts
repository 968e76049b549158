import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { storageError, systemCode, withStorageErrors } from './error.ts';
import { createTag, discardFolder, temporaryPath, type OnLeft } from './temporary-folder.ts';

export interface PutInPlaceOptions {
  /** What error messages call the destination. */
  readonly name: string;
  /** Of the names beside the destination while it is replaced; see {@link temporaryPath}. */
  readonly tag?: string;
  /** Replace a folder with files in it. */
  readonly overwrite: boolean;
  /** Told of what was replaced where it cannot be removed; a warning of the process unless set. */
  readonly onLeft?: OnLeft;
}

/**
 * Gives a whole folder its final name: a crash at any moment leaves the destination whole or as it was. That what it replaced cannot
 * be removed is no failure: the destination is what was asked for.
 * @param temporary on the same file system; all that is in it has been flushed
 * @throws StorageError DESTINATION_EXISTS, ACCESS_DENIED, ...
 */
export async function putFolderInPlace(temporary: string, path: string, options: PutInPlaceOptions): Promise<void> {
  const { name, tag = createTag(), overwrite, onLeft } = options;
  await withStorageErrors(name, async () => {
    try {
      // Replaces an empty folder too; refuses one with files in it, also one that came while the new one was written.
      await rename(temporary, path);
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      if (!overwrite) throw storageError(error, name);
      await replace(temporary, path, tag);
    }
    await syncFolder(dirname(path));
    await discardFolder(path, tag, 'old', onLeft);
  });
}

async function replace(temporary: string, path: string, tag: string): Promise<void> {
  const whole = temporaryPath(path, tag, 'new');
  const old = temporaryPath(path, tag, 'old');
  await rename(temporary, whole);
  await syncFolder(dirname(path));
  try {
    await rename(path, old);
    await rename(whole, path);
  } catch (error) {
    await rename(old, path).catch(() => undefined);
    await rm(whole, { recursive: true, force: true });
    throw error;
  }
}

/** Makes a folder's entries last over a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
