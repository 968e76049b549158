import { mkdir, readdir, realpath, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { ByteSink, FolderWriter } from '@pemmican/safetensors';

import { StorageError, systemCode, withStorageErrors } from './error.ts';
import { checkFileName } from './file-name.ts';
import { createFileSink } from './file-sink.ts';
import { makeFolder } from './make-folder.ts';
import { putFolderInPlace, syncFolder } from './put-in-place.ts';
import { createTag, recoverFolder, temporaryPath } from './temporary-folder.ts';
import { localPath, parseLocation } from './uri.ts';

export interface CreateFolderOptions {
  /** Replace a folder of that name, in whole, when the new one is committed. */
  readonly overwrite?: boolean;
  /** Bytes that will be written, where known: too little free space is refused at once. */
  readonly expectedBytes?: number;
}

/**
 * Begins a folder. It is written beside its final name and gets that name in one rename on `commit`, after every file has
 * been flushed: a crash at any moment leaves the folder whole or not there. Below `s3://BUCKET/PREFIX` its objects appear on
 * `commit`, config.json last.
 * @param uri a path, a `file:` URI or `s3://BUCKET/PREFIX`
 * @throws StorageError DESTINATION_EXISTS for a folder that is not empty (without `overwrite`) or a file, DISK_FULL,
 *   ACCESS_DENIED, READ_ONLY
 */
export async function createFolder(uri: string, options: CreateFolderOptions = {}): Promise<FolderWriter> {
  const { overwrite = false, expectedBytes = 0 } = options;
  const location = parseLocation(uri);
  if (location.kind === 's3') {
    const { createS3Folder, s3Client } = await import('./s3/mod.ts');
    return createS3Folder(await s3Client(), location, overwrite);
  }
  const name = localPath(uri);
  return withStorageErrors(name, async () => {
    const path = await prepareDestination(name, { overwrite, expectedBytes });
    const tag = createTag();
    const temporary = temporaryPath(path, tag, 'tmp');
    await mkdir(temporary);
    return new LocalFolderWriter(name, path, temporary, tag, overwrite);
  });
}

/**
 * Makes the folders above one that is to be written, cleans up what writers that are gone have left of it, and refuses what would
 * be refused at its end.
 * @param name path of the folder
 * @returns its path with links followed
 * @throws StorageError DESTINATION_EXISTS, DISK_FULL, NOT_A_FOLDER, ACCESS_DENIED, READ_ONLY
 */
export function prepareDestination(
  name: string,
  { overwrite = false, expectedBytes = 0 }: CreateFolderOptions,
): Promise<string> {
  return withStorageErrors(name, async () => {
    await makeParent(name);
    const path = await finalPath(name);
    await recoverFolder(path);
    await checkDestination(path, name, overwrite);
    const { bavail, bsize, blocks } = await statfs(dirname(path));
    // Some network file systems do not tell their size.
    if (blocks > 0 && bavail * bsize < expectedBytes) {
      throw new StorageError('DISK_FULL', name, `needs ${expectedBytes} bytes, the disk has ${bavail * bsize} free`);
    }
    return path;
  });
}

async function makeParent(path: string): Promise<void> {
  try {
    await makeFolder(dirname(path));
  } catch (error) {
    if (!(error instanceof StorageError && systemCode(error.cause) === 'EEXIST')) throw error;
    throw new StorageError('NOT_A_FOLDER', path, `${dirname(path)} is a file, not a folder`, { cause: error });
  }
}

/** Follows a link at the destination, so that the folder it leads to is replaced and not the link. */
async function finalPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return join(await realpath(dirname(path)), basename(path));
  }
}

async function checkDestination(path: string, name: string, overwrite: boolean): Promise<void> {
  const status = await stat(path).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    return undefined;
  });
  if (status === undefined) return;
  if (!status.isDirectory())
    throw new StorageError('DESTINATION_EXISTS', name, 'is a file; a folder is to be written there');
  if (!overwrite && (await readdir(path)).length > 0) {
    throw new StorageError(
      'DESTINATION_EXISTS',
      name,
      'already exists and is not empty; name another folder or ask to overwrite it',
    );
  }
}

class LocalFolderWriter implements FolderWriter {
  readonly name: string;
  readonly #path: string;
  readonly #temporary: string;
  readonly #tag: string;
  readonly #overwrite: boolean;
  readonly #folders = new Set<string>();
  #state: 'open' | 'committed' | 'aborted' = 'open';

  constructor(name: string, path: string, temporary: string, tag: string, overwrite: boolean) {
    this.name = name;
    this.#path = path;
    this.#temporary = temporary;
    this.#tag = tag;
    this.#overwrite = overwrite;
    this.#folders.add(temporary);
  }

  async write(fileName: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
    this.#checkOpen();
    checkFileName(this.name, fileName);
    const path = join(this.#temporary, fileName);
    const displayName = join(this.name, fileName);
    await withStorageErrors(displayName, () => this.#makeFolders(fileName));
    const sink = await createFileSink(path, displayName);
    try {
      await write(sink);
      await sink.finish();
    } catch (error) {
      await sink.discard();
      await rm(path, { force: true });
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.#checkOpen();
    await withStorageErrors(this.name, async () => {
      // Deepest first: a folder's entry is durable only when its parent has been flushed.
      for (const folder of [...this.#folders].sort().reverse()) await syncFolder(folder);
      await putFolderInPlace(this.#temporary, this.#path, {
        name: this.name,
        tag: this.#tag,
        overwrite: this.#overwrite,
      });
      this.#state = 'committed';
    });
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    await rm(this.#temporary, { recursive: true, force: true });
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new StorageError('CLOSED', this.name, `the folder has been ${this.#state}`);
  }

  async #makeFolders(fileName: string): Promise<void> {
    const parts = fileName.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++)
      this.#folders.add(join(this.#temporary, ...parts.slice(0, depth)));
    if (parts.length > 0) await mkdir(join(this.#temporary, ...parts), { recursive: true });
  }
}
