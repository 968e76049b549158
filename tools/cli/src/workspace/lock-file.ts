import { readFile, rm, writeFile } from 'node:fs/promises';

import { CliError, EXIT_CODE } from '../cli-error.ts';

/**
 * Two commands must not work in one folder; a lock whose process is gone belongs to nobody. Who has it removes the file.
 * @param output what is worked at, for the error
 * @throws CliError OUTPUT_IN_USE
 */
export async function lockFile(file: string, output: string): Promise<void> {
  for (;;) {
    try {
      await writeFile(file, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number((await readFile(file, 'utf8').catch(() => '')).trim());
    if (isOtherProcessAlive(holder)) {
      throw new CliError(
        EXIT_CODE.PRECONDITION,
        `${output}: another pemmican (process ${holder}) is at work in this folder`,
        {
          reason: 'OUTPUT_IN_USE',
        },
      );
    }
    await rm(file, { force: true });
  }
}

function isOtherProcessAlive(processId: number): boolean {
  if (!Number.isSafeInteger(processId) || processId <= 0 || processId === process.pid) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
