import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KubernetesError } from '../error.ts';

const POLL_MS = 100;

/** A program of the cluster that runs until it is stopped, with its output in a file. */
export class Daemon {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(name: string, logFile: string, child: ChildProcess) {
    this.name = name;
    this.logFile = logFile;
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
  }

  static start(
    folder: string,
    name: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Daemon {
    const logFile = path.join(folder, `${name}.log`);
    const log = openSync(logFile, 'a');
    try {
      const child = spawn(command, args, {
        cwd: folder,
        env: { ...process.env, ...environment },
        stdio: ['ignore', log, log],
        // Ctrl-C is for the program that started it, which stops everything in order.
        detached: true,
      });
      return new Daemon(name, logFile, child);
    } finally {
      closeSync(log);
    }
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it with SIGTERM, or SIGKILL where that takes longer than the grace. */
  async stop(graceMs: number): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /**
   * Waits until it answers.
   * @throws KubernetesError CLUSTER_FAILED with the end of its log when it has ended, or takes too long
   */
  async untilReady(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await isReady())) {
      if (!this.isRunning) throw await this.#failure('has ended');
      if (performance.now() > deadline) throw await this.#failure(`does not answer within ${timeoutMs / 1000} s`);
      await delay(POLL_MS);
    }
  }

  async #failure(what: string): Promise<KubernetesError> {
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    return new KubernetesError('CLUSTER_FAILED', `${this.name} ${what}:\n${log.trim().slice(-2000)}`);
  }
}
