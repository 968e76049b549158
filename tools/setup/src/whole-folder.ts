import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isCurrent, removeStamp, writeStamp, type StampedFolder } from './stamp.ts';

const PARTIAL = '.partial-';

/** Removes what killed set-ups left beside `folder`. The caller holds the lock, so nobody else is at work there. */
async function removeLeftovers(folder: string): Promise<void> {
  const parent = path.dirname(folder);
  const prefix = path.basename(folder) + PARTIAL;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

/**
 * Makes a folder under a temporary name and gives it its own name when it is whole, replacing what was there, unless it
 * is there already by the same recipe. A kill at any point leaves the old folder or the new one, never half of one.
 * @returns whether anything had to be made
 */
export async function makeWhole(
  target: StampedFolder,
  make: (temporaryFolder: string) => Promise<void>,
): Promise<boolean> {
  if (await isCurrent(target)) return false;
  const { folder } = target;
  await mkdir(path.dirname(folder), { recursive: true });
  await removeLeftovers(folder);
  const temporary = `${folder}${PARTIAL}${process.pid}`;
  const replaced = `${temporary}-replaced`;
  await mkdir(temporary);
  try {
    await make(temporary);
    const entries = await readdir(temporary, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(temporary, path.join(entry.parentPath, entry.name)));
    // The stamp goes first and comes last: in between, the folder counts as not made.
    await removeStamp(target);
    await rename(folder, replaced).catch(ignoreMissing);
    await rename(temporary, folder);
    await writeStamp(target, files.sort());
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await rm(replaced, { recursive: true, force: true });
  }
  return true;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
