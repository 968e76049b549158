import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

import type { ByteSource } from '@pemmican/safetensors';

import { StorageError, storageError } from './error.ts';
import { parseLocation } from './uri.ts';

// Linux reads at most 2^31 - 4096 bytes a call.
const MAX_READ_BYTES = 1024 ** 3;

/**
 * Opens a file for positional reads. The size is taken once; a file that shrinks later, or an object that is replaced, gives an
 * error.
 * @param uri a path, a `file:` URI or `s3://BUCKET/KEY`
 * @throws StorageError NOT_FOUND, NOT_A_FILE, ACCESS_DENIED, ...; of `s3:` also DOWNLOAD_FAILED, and CHANGED_WHILE_READ from `read`
 */
export async function openByteSource(uri: string): Promise<ByteSource> {
  const location = parseLocation(uri);
  if (location.kind === 'local') return openLocalFile(location.path);
  if (location.kind === 'hub')
    throw new StorageError('UNSUPPORTED_SCHEME', uri, 'a local path, a file: URI or s3://BUCKET/KEY is needed here');
  // Amazon's client is large (some 30 MB resident) and most files are local.
  const { openS3ByteSource, s3Client } = await import('./s3/mod.ts');
  return openS3ByteSource(await s3Client(), location);
}

async function openLocalFile(path: string): Promise<ByteSource> {
  try {
    // Without O_NONBLOCK a named pipe that nobody writes to would hold a thread of Node's pool for ever; four of them hold all.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile())
        throw new StorageError(
          'NOT_A_FILE',
          path,
          status.isDirectory() ? 'is a folder, not a file' : 'is not a regular file',
        );
      const read = async (offset: number, target: Uint8Array): Promise<void> => {
        if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > status.size) {
          throw new RangeError(
            `Cannot read bytes ${offset} to ${offset + target.length} of ${path} with ${status.size} bytes`,
          );
        }
        let done = 0;
        while (done < target.length) {
          const { bytesRead } = await handle.read(
            target,
            done,
            Math.min(target.length - done, MAX_READ_BYTES),
            offset + done,
          );
          if (bytesRead === 0)
            throw new StorageError(
              'IO',
              path,
              `ends at byte ${offset + done}; it had ${status.size} bytes when it was opened`,
            );
          done += bytesRead;
        }
      };
      return {
        name: path,
        sizeBytes: status.size,
        read: async (offset, target) => {
          try {
            await read(offset, target);
          } catch (error) {
            throw storageError(error, path);
          }
        },
        close: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw storageError(error, path);
  }
}
