import type { FolderReader } from '@pemmican/safetensors';

import { StorageError } from './error.ts';
import type { HubOptions } from './hub-options.ts';
import { openLocalFolder } from './local-folder.ts';
import { parseLocation } from './uri.ts';

export interface OpenFolderOptions {
  /** Where and how `hf:` folders are fetched; without it they are refused. */
  readonly hub?: HubOptions;
}

/**
 * Opens a model folder by path, `file:` URI, `s3://BUCKET/PREFIX` (read where it is, in ranges) or `hf:OWNER/NAME[@REVISION]`
 * (fetched into the cache folder first).
 * @throws StorageError NOT_FOUND, NOT_A_FOLDER, ACCESS_DENIED, UNSUPPORTED_SCHEME, DOWNLOAD_FAILED, ...
 */
export async function openFolder(uri: string, options: OpenFolderOptions = {}): Promise<FolderReader> {
  const location = parseLocation(uri);
  if (location.kind === 'local') return openLocalFolder(location.path);
  if (location.kind === 's3') {
    const { openS3Folder, s3Client } = await import('./s3/mod.ts');
    return openS3Folder(await s3Client(), location);
  }
  if (options.hub === undefined)
    throw new StorageError('UNSUPPORTED_SCHEME', uri, 'fetching from the hub is not set up here');
  // The hub's client is large and most folders are local.
  const { downloadModel } = await import('./hub.ts');
  return openLocalFolder(await downloadModel(location.repository, location.revision, options.hub), uri);
}
