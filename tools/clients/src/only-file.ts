import { readdir } from 'node:fs/promises';
import path from 'node:path';

/**
 * The one file of a folder that has an extension.
 * @throws Error when there is none or more than one
 */
export async function onlyFile(folder: string, extension: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(extension));
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw new Error(`${folder} has ${names.length} files ${extension}, must have one`);
  return path.join(folder, name);
}
