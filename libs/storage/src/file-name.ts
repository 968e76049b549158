import { StorageError } from './error.ts';

/**
 * Checks a file's name inside a folder: relative, `/`-separated, never out of the folder.
 * @throws StorageError INVALID_NAME
 */
export function checkFileName(folderName: string, fileName: string): string {
  const isSafe =
    fileName !== '' &&
    !/[\0\\]/.test(fileName) &&
    fileName.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isSafe)
    throw new StorageError(
      'INVALID_NAME',
      folderName,
      `${JSON.stringify(fileName)} is no name of a file inside the folder`,
    );
  return fileName;
}
