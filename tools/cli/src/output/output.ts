import picocolors from 'picocolors';

import type { OutputOptions } from '../options/common-options.ts';

/** The part of a stream that printing takes. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** The streams of the process. */
export interface Streams {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export type Colors = ReturnType<typeof picocolors.createColors>;

/**
 * Prints. With `--json` exactly one document goes to stdout and everything else to stderr; without it, what was asked for
 * goes to stdout and everything on the way to stderr.
 */
export class Output {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly stderr: TextStream;
  /** Colours of stdout. */
  readonly colors: Colors;
  /** Colours of stderr. */
  readonly noteColors: Colors;
  readonly #stdout: TextStream;
  #isDocumentPrinted = false;

  constructor(streams: Streams, options: Partial<OutputOptions>) {
    this.#stdout = streams.stdout;
    this.stderr = streams.stderr;
    this.isJson = options.json === true;
    this.isQuiet = options.quiet === true;
    const isColorWanted = options.color !== false && isColorAllowed(streams.environment);
    this.colors = picocolors.createColors(isColorWanted && streams.stdout.isTTY === true);
    this.noteColors = picocolors.createColors(isColorWanted && streams.stderr.isTTY === true);
  }

  /** Prints a part of the answer: to stdout, or to stderr with `--json`, where stdout is the document's. */
  print(text: string): void {
    if (!this.isJson) this.#stdout.write(`${text}\n`);
    else if (!this.isQuiet) this.stderr.write(`${text}\n`);
  }

  /** Prints a line on the way; nothing with `--quiet`. */
  note(text: string): void {
    if (!this.isQuiet) this.stderr.write(`${text}\n`);
  }

  /** Prints a line that a user must see. */
  warn(text: string): void {
    this.stderr.write(`${this.noteColors.yellow('warning:')} ${text}\n`);
  }

  /** Prints the one JSON document. Without `--json` it prints nothing. */
  document(value: unknown): void {
    if (!this.isJson || this.#isDocumentPrinted) return;
    this.#isDocumentPrinted = true;
    this.#stdout.write(`${JSON.stringify(value)}\n`);
  }
}

function isColorAllowed(environment: Readonly<Record<string, string | undefined>>): boolean {
  // https://no-color.org: any value but the empty one.
  return (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}
