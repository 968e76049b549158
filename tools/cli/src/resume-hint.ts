import { CliError, EXIT_CODE } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';

/**
 * Says how to go on when work was interrupted.
 * @param message what is kept
 * @param hints commands, where the message does not say it all
 */
export async function withResumeHint<Result>(
  { interrupt }: CommandContext,
  { message, hints = [] }: { readonly message: string; readonly hints?: readonly string[] },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    throw new CliError(EXIT_CODE.INTERRUPTED, `Interrupted. ${message}`, { cause: error, hints });
  }
}
