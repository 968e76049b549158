import { CliError, EXIT_CODE } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';

/** Says how to go on when a transfer was interrupted. */
export async function withResumeHint<Result>(context: CommandContext, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!context.interrupt.signal.aborted) throw error;
    throw new CliError(
      EXIT_CODE.INTERRUPTED,
      'Interrupted. What has arrived is kept for a while; the same command goes on',
      { cause: error },
    );
  }
}
