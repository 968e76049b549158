import type { ExitCode } from './cli-error.ts';
import { CliError, EXIT_CODE } from './cli-error.ts';
import { toExitCode } from './exit-code.ts';
import { RpcFailure } from './rpc-failure.ts';

/** How an error is told. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly reason: string;
  readonly message: string;
  readonly details: readonly string[];
  /** What stderr is told. */
  readonly lines: readonly string[];
}

/** Turns what an action threw into what the user is told. */
export function describeFailure(error: unknown, interrupted: AbortSignal): Failure {
  const told =
    interrupted.aborted && !isOwnInterruption(error) && isConsequenceOfInterruption(error)
      ? new CliError(EXIT_CODE.INTERRUPTED, 'Interrupted')
      : error;
  const exitCode = toExitCode(told);
  const message = messageOf(told);
  const details = told instanceof RpcFailure ? told.details.filter((detail) => !message.includes(detail)) : [];
  const hints = told instanceof CliError ? told.hints : isUnreachable(told) ? [UNREACHABLE_HINT] : [];
  return {
    exitCode,
    reason: reasonOf(told),
    message,
    details: [...details, ...hints],
    lines: [
      exitCode === EXIT_CODE.INTERRUPTED ? message : `error: ${message}`,
      ...details.map((detail) => `  ${detail}`),
      ...hints,
    ],
  };
}

const UNREACHABLE_HINT =
  'Is the service running at this address? `pemmican serve all --listen HOST:PORT` starts all three.';

function messageOf(error: unknown): string {
  if (error instanceof RpcFailure && isUnreachable(error)) {
    return `${error.metadata['service'] ?? 'The service'} cannot be reached: ${error.message}`;
  }
  if (error instanceof Error) return error.message;
  return String(error);
}

/** Nobody answered: a status that the service itself gives has a reason. */
function isUnreachable(error: unknown): boolean {
  return error instanceof RpcFailure && error.reason === '' && toExitCode(error) === EXIT_CODE.UNREACHABLE;
}

function reasonOf(error: unknown): string {
  if (error instanceof CliError) return error.reason;
  if (error instanceof RpcFailure && error.reason !== '') return error.reason;
  return isUnreachable(error) ? 'SERVICE_UNREACHABLE' : 'INTERNAL';
}

function isOwnInterruption(error: unknown): boolean {
  return error instanceof CliError && error.exitCode === EXIT_CODE.INTERRUPTED;
}

/** After Ctrl-C, calls end as cancelled or unavailable, and abortable functions throw AbortError. */
function isConsequenceOfInterruption(error: unknown): boolean {
  if (error instanceof RpcFailure) return error.code === 1 || error.code === 14;
  return error instanceof Error && error.name === 'AbortError';
}
