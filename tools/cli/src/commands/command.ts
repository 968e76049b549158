import type { Command } from 'commander';

import type { CommandContext } from '../command-context.ts';

/** Does what a verb is for; rejects with what went wrong. */
export type Action<Options> = (options: Options, context: CommandContext) => Promise<void>;

/** Runs a verb's action; given by the command line, so that a verb's definition need not know how errors are told. */
export type Runner = <Options>(name: string, load: () => Promise<Action<Options>>, options: Options) => Promise<void>;

/** Ends a verb's definition: its examples in `--help`, and its action, which is only loaded when it runs. */
export function finish<Options extends object>(
  command: Command,
  runner: Runner,
  load: () => Promise<Action<Options>>,
  examples: readonly string[],
): Command {
  const checkRequired = checkRequiredOptionsLast(command);
  const lines = examples.map((example) => `  $ ${example}`).join('\n');
  return command
    .addHelpText('after', `\nExamples:\n${lines}`)
    .allowExcessArguments(false)
    .action(async () => {
      checkRequired();
      await runner(command.name(), load, command.opts<Options>());
    });
}

/**
 * Commander looks for missing options before unknown ones, so `--modle x` would be told as "--model is missing". Checked
 * afterwards, the misspelled name is what the user hears of.
 */
function checkRequiredOptionsLast(command: Command): () => void {
  const required = command.options.filter((option) => option.mandatory);
  for (const option of required) {
    option.mandatory = false;
    option.description += ' (required)';
  }
  return () => {
    const missing = required.filter((option) => command.getOptionValue(option.attributeName()) === undefined);
    if (missing.length === 0) return;
    const names = missing.map((option) => `'${option.flags}'`).join(', ');
    command.error(`error: required option${missing.length > 1 ? 's' : ''} ${names} not specified`, {
      code: 'commander.missingMandatoryOptionValue',
      exitCode: 2,
    });
  };
}
