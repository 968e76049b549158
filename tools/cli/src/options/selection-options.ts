import type { Command } from 'commander';

import { tokenIds, unsigned } from './value-parsers.ts';

/** Which rows to keep besides those that occur. */
export interface SelectionOptions {
  readonly keepTokenIds?: readonly number[];
  readonly padToMultipleOf: number;
  readonly minCount: number;
  readonly maxRows: number;
}

/** Adds the options that decide which rows are kept. */
export function addSelectionOptions(command: Command, defaultPadding: number): Command {
  addPaddingOption(command, defaultPadding);
  return command
    .option('--keep-token-ids <ids>', 'full token ids to keep although they may not occur (1,2,3)', tokenIds)
    .option('--min-count <n>', 'drop ids that occur fewer times; above 1 it is lossy', unsigned(), 1)
    .option('--max-rows <n>', 'keep at most this many rows, the most frequent; above 0 it is lossy', unsigned(), 0);
}

/** Adds the option that rounds the number of rows up. */
export function addPaddingOption(command: Command, defaultPadding: number): Command {
  return command.option(
    '--pad-to-multiple-of <n>',
    'round the number of kept rows up to a multiple, with unused ids',
    unsigned(1),
    defaultPadding,
  );
}
