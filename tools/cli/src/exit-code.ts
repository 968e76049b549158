import type { ExitCode } from './cli-error.ts';
import { CliError, EXIT_CODE } from './cli-error.ts';
import { RpcFailure } from './rpc-failure.ts';

/**
 * Exit code of each gRPC status code. Codes that say "what you asked for is wrong" are bad input; those that say "nobody
 * answered" are an unreachable service.
 */
const EXIT_CODE_BY_STATUS: Readonly<Record<number, ExitCode>> = {
  0: EXIT_CODE.DONE,
  1: EXIT_CODE.FAILURE, // CANCELLED (by somebody else; an interruption of ours is told before)
  2: EXIT_CODE.FAILURE, // UNKNOWN
  3: EXIT_CODE.USAGE, // INVALID_ARGUMENT
  4: EXIT_CODE.UNREACHABLE, // DEADLINE_EXCEEDED
  5: EXIT_CODE.USAGE, // NOT_FOUND
  6: EXIT_CODE.USAGE, // ALREADY_EXISTS
  7: EXIT_CODE.USAGE, // PERMISSION_DENIED: a file that may not be read or written
  8: EXIT_CODE.FAILURE, // RESOURCE_EXHAUSTED
  9: EXIT_CODE.PRECONDITION, // FAILED_PRECONDITION
  10: EXIT_CODE.FAILURE, // ABORTED
  11: EXIT_CODE.USAGE, // OUT_OF_RANGE
  12: EXIT_CODE.FAILURE, // UNIMPLEMENTED
  13: EXIT_CODE.FAILURE, // INTERNAL
  14: EXIT_CODE.UNREACHABLE, // UNAVAILABLE
  15: EXIT_CODE.USAGE, // DATA_LOSS: an input file that is cut off or corrupt
  16: EXIT_CODE.FAILURE, // UNAUTHENTICATED
};

/** Reasons whose exit code differs from the one of their status. */
const EXIT_CODE_BY_REASON: Readonly<Record<string, ExitCode>> = {
  // A folder in the way is a slip of the command line, not a model or a map that does not fit.
  DESTINATION_EXISTS: EXIT_CODE.USAGE,
  // A run whose loss became NaN was asked for rightly.
  NON_FINITE_LOSS: EXIT_CODE.FAILURE,
  NON_FINITE: EXIT_CODE.FAILURE,
  // A full disk is neither the input's fault nor a precondition of the model.
  DISK_FULL: EXIT_CODE.FAILURE,
};

/** The exit code that an error ends the command with. */
export function toExitCode(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof RpcFailure) {
    return EXIT_CODE_BY_REASON[error.reason] ?? EXIT_CODE_BY_STATUS[error.code] ?? EXIT_CODE.FAILURE;
  }
  return EXIT_CODE.FAILURE;
}
