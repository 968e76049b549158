import type { S3Client } from '@aws-sdk/client-s3';
import type { ByteSource, FolderReader } from '@pemmican/safetensors';

import { StorageError } from '../error.ts';
import { checkFileName } from '../file-name.ts';
import { s3Name, type S3Location } from '../uri.ts';
import { openS3ByteSource } from './byte-source.ts';
import { listObjects } from './listing.ts';

/**
 * Opens the objects below a prefix as a folder, as they are now: a file that is replaced after this is an error where it is
 * opened, so that a model is never read that is half of another.
 * @throws StorageError NOT_FOUND, ACCESS_DENIED, TOO_MANY_FILES, DOWNLOAD_FAILED
 */
export async function openS3Folder(client: S3Client, location: S3Location): Promise<FolderReader> {
  const name = s3Name(location);
  const listed = await listObjects(client, location);
  const etags = new Map(
    listed.filter(({ fileName }) => isFile(fileName)).map(({ fileName, etag }) => [fileName, etag]),
  );
  if (listed.every(({ fileName }) => isFolderMarker(fileName)))
    throw new StorageError('NOT_FOUND', name, 'there are no objects below this prefix');
  return {
    name,
    list: () => Promise.resolve([...etags.keys()].sort()),
    open: async (fileName): Promise<ByteSource | undefined> => {
      checkFileName(name, fileName);
      if (!etags.has(fileName)) return undefined;
      return openS3ByteSource(client, { ...location, key: keyOf(location, fileName) }, etags.get(fileName));
    },
  };
}

/** Whether an object is what consoles make to show a folder without files: an empty one whose key ends with a slash. */
export function isFolderMarker(fileName: string): boolean {
  return fileName === '' || fileName.endsWith('/');
}

/** The key of a file of a folder. */
export function keyOf({ key }: S3Location, fileName: string): string {
  return key === '' ? fileName : `${key}/${fileName}`;
}

/** No marker of a folder, nothing in a folder whose name begins with a dot, no name that a file cannot have. */
function isFile(fileName: string): boolean {
  const parts = fileName.split('/');
  return (
    !/[\0\\]/.test(fileName) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..') &&
    parts.slice(0, -1).every((part) => !part.startsWith('.'))
  );
}
