import { usageError, type CliError } from '../cli-error.ts';

/** There is something at the place of the output already. */
export function outputExists(message: string, cause?: unknown): CliError {
  return usageError(message, {
    cause,
    reason: 'OUTPUT_EXISTS',
    hints: ['Name another --output, or replace what is there with --overwrite.'],
  });
}
