import type { Command } from 'commander';

import { usageError } from '../cli-error.ts';

/** How the batch size is found. */
export interface BatchSizeOptions {
  readonly autoFindBatchSize?: boolean;
  /** Bytes that the run's process may take. */
  readonly memory?: number;
}

/** Adds the option that has the batch size found (transformers' `auto_find_batch_size`). */
export function addAutoFindOption(command: Command): Command {
  return command.option(
    '--auto-find-batch-size',
    "halve --per-device-train-batch-size until a step's planned memory fits --memory, --memory-budget or, without them, what is free; --gradient-accumulation-steps grows to match",
  );
}

/** The fields of the contract's message. */
export function toBatchSizeFields({ autoFindBatchSize, memory }: BatchSizeOptions): {
  autoFindBatchSize: boolean;
  autoFindMemoryBytes: number;
} {
  const isAsked = autoFindBatchSize === true;
  return { autoFindBatchSize: isAsked, autoFindMemoryBytes: isAsked ? (memory ?? 0) : 0 };
}

/**
 * For a verb that asks nothing else of `--memory`.
 * @throws CliError where it would be ignored
 */
export function checkMemoryOption({ autoFindBatchSize, memory }: BatchSizeOptions): void {
  if (memory !== undefined && autoFindBatchSize !== true)
    throw usageError('--memory is what a batch size is found for; add --auto-find-batch-size, or use --memory-budget');
}
