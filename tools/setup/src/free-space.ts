import { mkdir, statfs } from 'node:fs/promises';
import { SetupError } from './error.ts';
import { formatBytes } from './progress.ts';

/** Bytes that this user may still write where `folder` lies. */
export async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** @throws SetupError NO_SPACE before anything is fetched that would not fit */
export async function requireSpace(folder: string, neededBytes: number, what: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= neededBytes) return;
  throw new SetupError(
    'NO_SPACE',
    `${what} takes ${formatBytes(neededBytes)}, ${folder} has ${formatBytes(free)} free; make room or set PEMMICAN_CACHE_DIR`,
  );
}
