import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '@pemmican/setup';

/** Makes a folder unless it was made whole by the same recipe before. Of several processes one makes it, and the others wait. */
export async function once(folder: string, recipe: string, make: () => Promise<void>): Promise<void> {
  const stamp = `${folder}.recipe`;
  const isMade = async (): Promise<boolean> => (await readFile(stamp, 'utf8').catch(() => '')) === recipe;
  if (await isMade()) return;
  await mkdir(path.dirname(folder), { recursive: true });
  await withLock(
    folder,
    (line) => {
      console.error(line);
    },
    async () => {
      if (await isMade()) return;
      await rm(stamp, { force: true });
      await make();
      await writeFile(stamp, recipe);
    },
  );
}
