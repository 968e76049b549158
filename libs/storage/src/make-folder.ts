import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError, systemCode, withStorageErrors } from './error.ts';

/**
 * Makes a folder and those above it that are missing.
 * @throws StorageError
 */
export function makeFolder(path: string): Promise<void> {
  return withStorageErrors(path, async () => {
    try {
      await mkdir(path, { recursive: true });
    } catch (error) {
      // On a read-only file system Node says ENOENT here. Making the first missing folder alone says what it is.
      if (systemCode(error) === 'ENOENT') await mkdirFirstMissing(path);
      // A folder that is there is no error, so that this is a file.
      if (systemCode(error) === 'EEXIST')
        throw new StorageError('NOT_A_FOLDER', path, 'is a file, not a folder', { cause: error });
      throw error;
    }
  });
}

async function mkdirFirstMissing(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const parent = dirname(path);
    if (systemCode(error) === 'ENOENT' && parent !== path) await mkdirFirstMissing(parent);
    throw error;
  }
}
