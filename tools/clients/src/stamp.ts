import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Makes a folder unless it was made whole by the same recipe before. */
export async function once(folder: string, recipe: string, make: () => Promise<void>): Promise<void> {
  const stamp = `${folder}.recipe`;
  if ((await readFile(stamp, 'utf8').catch(() => '')) === recipe) return;
  await rm(stamp, { force: true });
  await mkdir(path.dirname(folder), { recursive: true });
  await make();
  await writeFile(stamp, recipe);
}
