import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** `pemmican-PID-XXXXXX`: the process that owns the folder can be told from its name. */
const NAME = /^pemmican-(\d+)-\w+$/;

/** A Unix socket's path takes at most 107 bytes; this leaves room for the socket's own name. */
const MAX_DIRECTORY_BYTES = 80;

/** Makes a folder that only this user can open, and removes those that killed commands left behind. */
export function createPrivateDirectory(): string {
  const parent = Buffer.byteLength(os.tmpdir()) > MAX_DIRECTORY_BYTES - 32 ? '/tmp' : os.tmpdir();
  removeLeftovers(parent);
  // mkdtemp makes the folder with mode 0700.
  return mkdtempSync(path.join(parent, `pemmican-${process.pid}-`));
}

function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const owner = NAME.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    try {
      rmSync(path.join(parent, name), { recursive: true, force: true });
    } catch {
      // Another user's folder: not ours to remove.
    }
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
