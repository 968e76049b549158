import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, withStorageErrors } from '@pemmican/storage';

/**
 * Writes a file that appears under its name only when it is whole. One that a killed process began is replaced.
 * @throws StorageError; the signal's reason
 */
export async function writeWhole(file: string, bytes: Uint8Array, tag: string, signal: AbortSignal): Promise<void> {
  await makeFolder(path.dirname(file));
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${tag}.tmp`);
  try {
    await withStorageErrors(file, async () => {
      await writeFile(temporary, bytes, { flush: true, signal });
      await rename(temporary, file);
    });
  } catch (error) {
    await rm(temporary, { force: true });
    signal.throwIfAborted();
    throw error;
  }
}
