import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { ByteSource, FolderReader } from '@pemmican/safetensors';

import { openByteSource } from './byte-source.ts';
import { StorageError, storageError, systemCode } from './error.ts';
import { checkFileName } from './file-name.ts';
import { recoverFolder } from './temporary-folder.ts';

// A model folder has a few dozen files; this stops a walk through a whole disk.
const MAX_FILE_COUNT = 10_000;
const MAX_DEPTH = 8;

/**
 * Opens a local folder. One that a crash left between two names is put in place first.
 * @throws StorageError NOT_FOUND, NOT_A_FOLDER, ACCESS_DENIED
 */
export async function openLocalFolder(path: string, name = path): Promise<FolderReader> {
  try {
    let status = await stat(path).catch(ignoreMissing);
    if (status === undefined && (await recoverFolder(path))) status = await stat(path);
    if (status === undefined) throw new StorageError('NOT_FOUND', name, 'there is no such folder');
    if (!status.isDirectory()) throw new StorageError('NOT_A_FOLDER', name, 'is a file, not a folder');
  } catch (error) {
    throw storageError(error, name);
  }
  return {
    name,
    list: async () => {
      try {
        return (await listFiles(path, '', name)).sort();
      } catch (error) {
        throw storageError(error, name);
      }
    },
    open: (fileName) => openFile(path, name, fileName),
  };
}

async function openFile(path: string, name: string, fileName: string): Promise<ByteSource | undefined> {
  const filePath = join(path, checkFileName(name, fileName));
  try {
    return await openByteSource(filePath);
  } catch (error) {
    if (error instanceof StorageError && (error.code === 'NOT_FOUND' || error.code === 'NOT_A_FOLDER'))
      return undefined;
    throw error;
  }
}

function ignoreMissing(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
}

async function listFiles(
  path: string,
  prefix: string,
  name: string,
  files: string[] = [],
  depth = 0,
): Promise<string[]> {
  if (depth > MAX_DEPTH)
    throw new StorageError(
      'TOO_MANY_FILES',
      name,
      `has more than ${MAX_DEPTH} levels of folders: is it a model folder?`,
    );
  for (const entry of await readdir(join(path, prefix), { withFileTypes: true })) {
    const entryName = prefix + entry.name;
    // The hub's snapshot folders hold links to files.
    const status = entry.isSymbolicLink() ? await stat(join(path, entryName)).catch(ignoreMissing) : entry;
    // .git and the like hold no files of the model.
    if (status?.isDirectory() === true && !entry.isSymbolicLink() && !entry.name.startsWith('.'))
      await listFiles(path, `${entryName}/`, name, files, depth + 1);
    else if (status?.isFile() === true) files.push(entryName);
    if (files.length > MAX_FILE_COUNT)
      throw new StorageError('TOO_MANY_FILES', name, `has more than ${MAX_FILE_COUNT} files: is it a model folder?`);
  }
  return files;
}
