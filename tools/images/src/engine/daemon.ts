import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/** A program that goes on when its starter has ended, known by a file with its process id. */
export interface Daemon {
  readonly pidFile: string;
  /** A part of its command line: a process id alone may have gone to another program. */
  readonly mark: string;
}

/** Its process id; undefined where it does not run. */
export function daemonPid({ pidFile, mark }: Daemon): number | undefined {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8').trim());
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return commandLine.includes(mark) ? pid : undefined;
  } catch {
    return undefined; // it has ended
  }
}

/** Starts it with its output in a file. The pid file is written here unless the program does that itself. */
export function startDaemon(
  daemon: Daemon & { readonly writesPidFile?: boolean },
  command: string,
  args: readonly string[],
  logFile: string,
): void {
  const log = openSync(logFile, 'w', 0o600);
  try {
    const child = spawn(command, args, { detached: true, cwd: '/', stdio: ['ignore', log, log] });
    // What keeps it from running is found out by who waits for it, and is in the log.
    child.on('error', () => undefined);
    child.unref();
    if (daemon.writesPidFile !== true && child.pid !== undefined) writeFileSync(daemon.pidFile, `${child.pid}\n`);
  } finally {
    closeSync(log);
  }
}

/** Ends it with SIGTERM, or SIGKILL when it takes longer than that. */
export async function stopDaemon(daemon: Daemon, graceMs: number): Promise<void> {
  const pid = daemonPid(daemon);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    if (!(await waitUntil(() => daemonPid(daemon) === undefined, graceMs))) {
      process.kill(pid, 'SIGKILL');
      await waitUntil(() => daemonPid(daemon) === undefined, graceMs);
    }
  }
  rmSync(daemon.pidFile, { force: true });
}

/** Waits for a condition; false where it did not come in time. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const deadline = performance.now() + timeoutMs; ; await delay(POLL_MS)) {
    if (await condition()) return true;
    if (performance.now() > deadline) return false;
  }
}
