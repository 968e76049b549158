import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import type { ServiceName } from '../options/common-options.ts';

/** A service that has not said that it listens after this time is given up. */
const START_TIMEOUT_MS = 60_000;

/** A service that has not stopped after this time is killed. A run's last checkpoint must fit in it. */
const STOP_TIMEOUT_MS = 60_000;

/** How often a service that died is started again. */
const MAX_RESTARTS = 5;

/** Lines of a service's log that an error shows. */
const LOG_TAIL_LINES = 12;

/** What a service process is started with. */
export interface ServiceProcessOptions {
  readonly name: ServiceName;
  readonly mainFile: string;
  /** Private folder: the socket, the state and the log live here. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called when the service died and was started again. */
  readonly onRestart: (message: string) => void;
}

/** A service in a process of its own, started again with the same state when it dies. */
export class ServiceProcess {
  readonly address: string;
  readonly #options: ServiceProcessOptions;
  readonly #logFile: string;
  #child: ChildProcess | undefined;
  #isStopping = false;
  #restartCount = 0;
  #failure: CliError | undefined;

  private constructor(options: ServiceProcessOptions) {
    this.#options = options;
    this.address = `unix:${path.join(options.directory, `${options.name}.sock`)}`;
    this.#logFile = path.join(options.directory, `${options.name}.log`);
  }

  /**
   * Starts a service and waits until it listens.
   * @throws CliError when it does not start
   */
  static async start(options: ServiceProcessOptions): Promise<ServiceProcess> {
    const service = new ServiceProcess(options);
    await service.#start();
    return service;
  }

  /** Set when the service died too often. */
  get failure(): CliError | undefined {
    return this.#failure;
  }

  /** The process, for tests and for killing at once. */
  get processId(): number | undefined {
    return this.#child?.pid;
  }

  /** Stops the service gracefully: it may write a last checkpoint. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  /** Asks the service to stop without waiting. */
  abandon(): void {
    this.#isStopping = true;
    this.#child?.kill('SIGTERM');
  }

  async #start(): Promise<void> {
    // A killed process leaves its socket, and listening on an existing one fails.
    rmSync(this.address.slice('unix:'.length), { force: true });
    const log = openSync(this.#logFile, 'a', 0o600);
    const child = fork(this.#options.mainFile, [], {
      execArgv: [],
      stdio: ['ignore', log, log, 'ipc'],
      env: {
        ...this.#options.environment,
        PEMMICAN_LISTEN: this.address,
        PEMMICAN_STATE_DIRECTORY: path.join(this.#options.directory, this.#options.name),
      },
      // A terminal sends Ctrl-C to its whole process group; the services must only hear of it from the command.
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    await this.#untilListening(child);
    child.once('exit', (code, signal) => {
      void this.#onExit(code, signal);
    });
    // The exit may have come between the message and the listener.
    if (child.exitCode !== null || child.signalCode !== null) void this.#onExit(child.exitCode, child.signalCode);
  }

  async #untilListening(child: ChildProcess): Promise<void> {
    const { name } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => {
          child.kill('SIGKILL');
          reject(this.#startError(`${name} did not start within ${START_TIMEOUT_MS / 1000} s`));
        }, START_TIMEOUT_MS);
        child.on('message', (message: unknown) => {
          if (isListeningMessage(message)) resolve();
        });
        child.once('error', (cause) => {
          reject(new CliError(EXIT_CODE.FAILURE, `${name} cannot be started: ${cause.message}`, { cause }));
        });
        child.once('exit', (code, signal) => {
          reject(this.#startError(`${name} ended while it started (${describeExit(code, signal)})`));
        });
      });
    } finally {
      clearTimeout(timer);
      child.removeAllListeners();
    }
  }

  #startError(message: string): CliError {
    return new CliError(EXIT_CODE.FAILURE, message, { reason: 'SERVICE_NOT_STARTED', hints: this.#logTail() });
  }

  async #onExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.#isStopping) return;
    const { name, onRestart } = this.#options;
    this.#restartCount += 1;
    if (this.#restartCount > MAX_RESTARTS) {
      this.#failure = this.#startError(`${name} ended ${this.#restartCount} times (${describeExit(code, signal)})`);
      return;
    }
    onRestart(`${name} ended (${describeExit(code, signal)}); started again, nothing is lost`);
    try {
      await this.#start();
    } catch (error) {
      this.#failure = error instanceof CliError ? error : this.#startError(`${name} cannot be started again`);
    }
  }

  #logTail(): string[] {
    try {
      const lines = readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES);
      return lines.length === 1 && lines[0] === '' ? [] : ['Its log ends with:', ...lines.map((line) => `  ${line}`)];
    } catch {
      return [];
    }
  }
}

function isListeningMessage(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'listening';
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code ?? 'unknown'}` : signal;
}
