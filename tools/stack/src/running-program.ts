import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { StackError } from './error.ts';

/** What is not ready after this is given up. */
const READY_TIMEOUT_MS = 60_000;
const ASK_EVERY_MS = 100;
/** Lines of a program's log that an error shows. */
const LOG_TAIL_LINES = 12;

/** What a program is started with. */
export interface ProgramPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Beside what this process was told. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Asks once; rejects while the program is not ready. */
  readonly askReady: () => Promise<void>;
  /** A program that has not stopped after this time is killed. */
  readonly stopTimeoutMs: number;
}

/** A program in a process of its own, which writes to a log file. */
export class RunningProgram {
  readonly #plan: ProgramPlan;
  readonly #child: ChildProcess;
  #startFailure: string | undefined;
  #isStopping = false;

  /** Starts it; {@link ready} waits until it is of use. */
  constructor(plan: ProgramPlan) {
    this.#plan = plan;
    const log = openSync(plan.logFile, 'w', 0o600);
    // The kernel asks it to stop when this process is killed and cannot: nothing is left running.
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', plan.command, ...plan.args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...plan.environment },
      // A terminal sends Ctrl-C to its whole process group; programs must only hear of it from the stack, in its order.
      detached: true,
    });
    closeSync(log);
    this.#child.on('error', ({ message }) => {
      this.#startFailure = message;
    });
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** @throws StackError ENDED when it ends before, NOT_READY when it takes too long */
  async ready(signal: AbortSignal): Promise<void> {
    const { name, askReady, logFile } = this.#plan;
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!signal.aborted) {
      if (this.#hasEnded) throw this.#endedError();
      try {
        return await askReady();
      } catch (cause) {
        if (performance.now() > deadline)
          throw new StackError(
            'NOT_READY',
            `${name} was not ready within ${READY_TIMEOUT_MS / 1000} s${tailOf(logFile)}`,
            { cause },
          );
      }
      await delay(ASK_EVERY_MS);
    }
  }

  /** Resolves to an error when the program ends without having been stopped. */
  async ended(): Promise<StackError> {
    if (!this.#hasEnded) await once(this.#child, 'exit');
    if (this.#isStopping) return new Promise(() => undefined);
    return this.#endedError();
  }

  /** Asks it to stop, and kills it when it does not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#hasEnded) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#plan.stopTimeoutMs);
    await exited;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  get #hasEnded(): boolean {
    return this.#startFailure !== undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #endedError(): StackError {
    const { name, logFile } = this.#plan;
    if (this.#startFailure !== undefined)
      return new StackError('ENDED', `${name} cannot be started: ${this.#startFailure} (it is in util-linux)`);
    const { exitCode, signalCode } = this.#child;
    const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
    return new StackError('ENDED', `${name} ended ${how}${tailOf(logFile)}`);
  }
}

function tailOf(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES);
  if (lines.length === 1 && lines[0] === '') return `; ${logFile} is empty`;
  return `; ${logFile} ends with:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
