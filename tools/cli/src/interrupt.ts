import { constants } from 'node:os';

import { CliError, EXIT_CODE } from './cli-error.ts';

/**
 * A launcher passes Ctrl-C on, and a terminal sends it to the whole process group: the same key press may arrive twice.
 * Two signals closer than this are one.
 */
const SAME_PRESS_MS = 250;

/** Turns Ctrl-C, SIGTERM and the launcher's death into one signal; a second Ctrl-C ends the process at once. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #exit: (code: number) => void;
  readonly #now: () => number;
  #firstTime = 0;
  #cleanUp: (() => void)[] = [];

  constructor(
    exit: (code: number) => void = (code) => process.exit(code),
    now: () => number = () => performance.now(),
  ) {
    this.#exit = exit;
    this.#now = now;
  }

  /** Aborted by the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Listens to the process's signals until the returned function is called. */
  listen(): () => void {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const receive = (): void => {
      this.trigger();
    };
    for (const signal of signals) process.on(signal, receive);
    // Under a launcher that could not exec, its death shows as the end of the IPC channel.
    const hasLauncher = process.send !== undefined;
    if (hasLauncher) {
      process.on('disconnect', receive);
      process.channel?.unref();
    }
    return () => {
      for (const signal of signals) process.off(signal, receive);
      if (hasLauncher) process.off('disconnect', receive);
    };
  }

  /** Adds what must be done before the process ends at once. Returns how to take it back. */
  beforeExit(cleanUp: () => void): () => void {
    this.#cleanUp.push(cleanUp);
    return () => {
      this.#cleanUp = this.#cleanUp.filter((entry) => entry !== cleanUp);
    };
  }

  /** Counts as one Ctrl-C. */
  trigger(): void {
    const now = this.#now();
    if (!this.#controller.signal.aborted) {
      this.#firstTime = now;
      this.#controller.abort(new CliError(EXIT_CODE.INTERRUPTED, 'Interrupted'));
    } else if (now - this.#firstTime > SAME_PRESS_MS) {
      for (const cleanUp of this.#cleanUp) cleanUp();
      this.#exit(128 + constants.signals.SIGINT);
    }
  }
}
