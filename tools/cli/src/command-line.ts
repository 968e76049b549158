import { CommanderError } from 'commander';

import packageManifest from '../package.json' with { type: 'json' };
import type { ExitCode } from './cli-error.ts';
import { EXIT_CODE } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import type { Runner } from './commands/command.ts';
import { Interrupt } from './interrupt.ts';
import type { OutputOptions } from './options/common-options.ts';
import { Output } from './output/output.ts';
import type { Streams } from './output/output.ts';
import { createProgram } from './program.ts';

/** The streams and the environment of this process. */
export function processStreams(): Streams {
  return { stdout: process.stdout, stderr: process.stderr, environment: process.env };
}

/**
 * Runs the command.
 * @param argv - the words after the program's name
 * @returns the exit code; nothing is thrown
 */
export async function runCommandLine(
  argv: readonly string[],
  streams: Streams = processStreams(),
  interrupt: Interrupt = new Interrupt(),
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT_CODE.DONE;
  const runner: Runner = async (name, load, options) => {
    const output = new Output(streams, options as Partial<OutputOptions>);
    const context: CommandContext = { output, interrupt, environment: streams.environment, commandLine: argv };
    exitCode = await runAction(name, async () => (await load())(options, context), context);
  };
  try {
    await createProgram(runner, streams).parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT_CODE.DONE;
    // Commander has already told stderr what is wrong.
    if (argv.includes('--json')) {
      const message = error.message.replace(/^error: /, '');
      const document = errorDocument({ exitCode: EXIT_CODE.USAGE, reason: 'BAD_USAGE', message, details: [] });
      streams.stdout.write(`${JSON.stringify(document)}\n`);
    }
    return EXIT_CODE.USAGE;
  }
}

async function runAction(name: string, action: () => Promise<void>, context: CommandContext): Promise<ExitCode> {
  const stopListening = context.interrupt.listen();
  try {
    const { withCommandSpan } = await import('./command-span.ts');
    await withCommandSpan(name, context.environment, packageManifest.version, action);
    return EXIT_CODE.DONE;
  } catch (error) {
    const { describeFailure } = await import('./failure.ts');
    const failure = describeFailure(error, context.interrupt.signal);
    for (const line of failure.lines) context.output.stderr.write(`${line}\n`);
    context.output.document(errorDocument(failure));
    return failure.exitCode;
  } finally {
    stopListening();
  }
}

/** What `--json` prints when there is no answer. */
function errorDocument(failure: {
  readonly exitCode: ExitCode;
  readonly reason: string;
  readonly message: string;
  readonly details: readonly string[];
}): unknown {
  return {
    error: {
      exitCode: failure.exitCode,
      reason: failure.reason,
      message: failure.message,
      ...(failure.details.length > 0 ? { details: failure.details } : {}),
    },
  };
}
