import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { StorageError, withStorageErrors } from './error.ts';
import { makeFolder } from './make-folder.ts';
import { parseLocation } from './uri.ts';

export interface WriteFileOptions {
  readonly signal?: AbortSignal;
  /** Of the temporary file's name: one that a killed writer of the same tag has left is replaced. */
  readonly tag?: string;
}

/**
 * Writes a file that appears under its name only when it is whole.
 * @param uri a path, a `file:` URI or `s3://BUCKET/KEY`
 * @throws StorageError; the signal's reason
 */
export async function writeFileWhole(uri: string, bytes: Uint8Array, options: WriteFileOptions = {}): Promise<void> {
  const { signal, tag = randomUUID() } = options;
  const location = parseLocation(uri);
  if (location.kind === 'local') return writeLocalFile(location.path, bytes, tag, signal);
  if (location.kind === 'hub')
    throw new StorageError('UNSUPPORTED_SCHEME', uri, 'a local path, a file: URI or s3://BUCKET/KEY is needed here');
  const { putS3Object, s3Client } = await import('./s3/mod.ts');
  signal?.throwIfAborted();
  await putS3Object(await s3Client(), location, bytes);
}

async function writeLocalFile(
  file: string,
  bytes: Uint8Array,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await makeFolder(path.dirname(file));
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${tag}.tmp`);
  try {
    await withStorageErrors(file, async () => {
      await writeFile(temporary, bytes, { flush: true, ...(signal === undefined ? {} : { signal }) });
      await rename(temporary, file);
    });
  } catch (error) {
    await rm(temporary, { force: true });
    signal?.throwIfAborted();
    throw error;
  }
}
