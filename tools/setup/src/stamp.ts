import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Says of what a folder was made and which files that gave. */
interface Stamp {
  readonly recipe: string;
  readonly files: Readonly<Record<string, number>>;
}

/** One thing that the set-up makes, with the record of how it was made. */
export interface StampedFolder {
  readonly folder: string;
  /** The record lies outside of the folder: what is made is an ordinary model folder, say, and nothing else. */
  readonly stampFile: string;
  /** Everything that decides the content: versions, digests, the number of the procedure. */
  readonly recipe: string;
}

function parseStamp(text: string): Stamp | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('recipe' in value) || !('files' in value)) return undefined;
    return value as Stamp;
  } catch {
    // A stamp that cannot be read says nothing; the folder is made again.
    return undefined;
  }
}

/** Whether the folder was made whole by this very recipe and every file still has its size. */
export async function isCurrent({ folder, stampFile, recipe }: StampedFolder): Promise<boolean> {
  const text = await readFile(stampFile, 'utf8').catch(() => undefined);
  const stamp = text === undefined ? undefined : parseStamp(text);
  if (stamp === undefined || stamp.recipe !== recipe) return false;
  const checks = Object.entries(stamp.files).map(async ([file, sizeBytes]) => {
    const found = await stat(path.join(folder, file)).catch(() => undefined);
    return found?.isFile() === true && found.size === sizeBytes;
  });
  return (await Promise.all(checks)).every(Boolean);
}

/** Records that the folder is whole. The record appears at once or not at all. */
export async function writeStamp(target: StampedFolder, files: readonly string[]): Promise<void> {
  const sizes: Record<string, number> = {};
  for (const file of files) sizes[file] = (await stat(path.join(target.folder, file))).size;
  const stamp: Stamp = { recipe: target.recipe, files: sizes };
  const temporary = `${target.stampFile}.${process.pid}.tmp`;
  await mkdir(path.dirname(target.stampFile), { recursive: true });
  await writeFile(temporary, `${JSON.stringify(stamp, undefined, 1)}\n`);
  await rename(temporary, target.stampFile);
}

/** Forgets that the folder is whole. */
export async function removeStamp(target: StampedFolder): Promise<void> {
  await rm(target.stampFile, { force: true });
}
