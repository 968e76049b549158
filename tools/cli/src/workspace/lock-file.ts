import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

import { CliError, EXIT_CODE } from '../cli-error.ts';

// Of file systems without hard links.
const NO_LINK_CODES: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/**
 * Two commands must not work in one folder; a lock whose process is gone belongs to nobody. The file comes with the process id in it,
 * in one step, so that nobody finds it without.
 * @param output what is worked at, for the error
 * @returns what gives the lock back
 * @throws CliError OUTPUT_IN_USE
 */
export async function lockFile(file: string, output: string): Promise<() => Promise<void>> {
  const own = `${file}.${process.pid}`;
  await writeFile(own, `${process.pid}\n`);
  try {
    while (!(await tryCreate(own, file))) {
      const holder = await holderOf(file);
      if (isOtherProcessAlive(holder)) throw inUse(output, holder);
      await takeAway(file, `${own}.stale`);
    }
  } finally {
    await rm(own, { force: true });
  }
  return async () => {
    if ((await holderOf(file)) === process.pid) await rm(file, { force: true });
  };
}

/** Whether the lock is ours now; false where there is one. */
async function tryCreate(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINK_CODES.includes(code)) throw error;
  }
  try {
    await writeFile(file, `${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock that belongs to nobody, unless another command has done so and has its own there by now: that one is put back. */
async function takeAway(file: string, aside: string): Promise<void> {
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (isOtherProcessAlive(await holderOf(aside))) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

async function holderOf(file: string): Promise<number> {
  return Number((await readFile(file, 'utf8').catch(() => '')).trim());
}

function inUse(output: string, holder: number): CliError {
  const message = `${output}: another pemmican (process ${holder}) is at work in this folder`;
  return new CliError(EXIT_CODE.PRECONDITION, message, { reason: 'OUTPUT_IN_USE' });
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
