/** Exit codes of the command. */
export const EXIT_CODE = {
  DONE: 0,
  FAILURE: 1,
  USAGE: 2,
  PRECONDITION: 3,
  UNREACHABLE: 4,
  INTERRUPTED: 130,
} as const;
export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];

/** What makes an error more than a line of text. */
export interface CliErrorOptions {
  /** UPPER_SNAKE, as ErrorInfo's reasons. */
  readonly reason?: string;
  /** What the user can do about it, one line each. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

/** An error that the command itself found, with the exit code that it ends with. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly reason: string;
  readonly hints: readonly string[];

  constructor(exitCode: ExitCode, message: string, options: CliErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode;
    this.reason = options.reason ?? defaultReason(exitCode);
    this.hints = options.hints ?? [];
  }
}

function defaultReason(exitCode: ExitCode): string {
  switch (exitCode) {
    case EXIT_CODE.USAGE:
      return 'BAD_USAGE';
    case EXIT_CODE.PRECONDITION:
      return 'PRECONDITION_FAILED';
    case EXIT_CODE.UNREACHABLE:
      return 'SERVICE_UNREACHABLE';
    case EXIT_CODE.INTERRUPTED:
      return 'INTERRUPTED';
    case EXIT_CODE.DONE:
    case EXIT_CODE.FAILURE:
      return 'FAILED';
  }
}

/** Bad usage or input: exit code 2. */
export function usageError(message: string, options: CliErrorOptions = {}): CliError {
  return new CliError(EXIT_CODE.USAGE, message, options);
}
