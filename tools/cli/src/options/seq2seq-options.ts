import type { Command } from 'commander';
import type { DatasetSpec } from '@pemmican/contract/vocabulary';

import { usageError } from '../cli-error.ts';
import type { TaskName } from './training-options.ts';
import { unsigned } from './value-parsers.ts';

const DEFAULT_TARGET_COLUMN = 'target';
const DEFAULT_MAX_TARGET_LENGTH = 128;

/** What only records of a source and a target have; named as in Hugging Face's run_summarization.py and run_translation.py. */
export interface SourceAndTargetOptions {
  readonly targetColumn?: string;
  readonly summaryColumn?: string;
  readonly sourcePrefix?: string;
  readonly maxSourceLength?: number;
  readonly maxTargetLength?: number;
}

type AllOptions = SourceAndTargetOptions & { readonly task: TaskName; readonly maxSeqLength?: number };

/** Adds the options of records of a source and a target. */
export function addSourceAndTargetOptions(command: Command): Command {
  return command
    .option(
      '--target-column <name>',
      `in seq2seq-lm column of the target, also inside of an object: translation.de (default: "${DEFAULT_TARGET_COLUMN}")`,
    )
    .option('--summary-column <name>', 'the same as --target-column')
    .option('--source-prefix <text>', 'in seq2seq-lm put before each source: "summarize: "')
    .option('--max-source-length <tokens>', 'in seq2seq-lm the same as --max-seq-length', unsigned(1))
    .option(
      '--max-target-length <tokens>',
      `in seq2seq-lm longest target, or text that predict writes, special tokens included (default: ${DEFAULT_MAX_TARGET_LENGTH})`,
      unsigned(1),
    );
}

/** Tokens of the longest target there can be; 0 where records have none. */
export function longestTargetOf({ task, maxTargetLength }: AllOptions): number {
  return task === 'seq2seq-lm' ? (maxTargetLength ?? DEFAULT_MAX_TARGET_LENGTH) : 0;
}

/**
 * The contract's fields of records of a source and a target.
 * @throws CliError for such an option in another task, and for one that is given by both of its names
 */
export function toSourceAndTargetFields(
  options: AllOptions,
): Pick<DatasetSpec, 'targetColumn' | 'sourcePrefix' | 'maxTargetLength'> {
  const { targetColumn, summaryColumn, sourcePrefix, maxSourceLength, maxTargetLength } = options;
  if (options.task !== 'seq2seq-lm') {
    const given = Object.entries({
      '--target-column': targetColumn, '--summary-column': summaryColumn, '--source-prefix': sourcePrefix,
      '--max-source-length': maxSourceLength, '--max-target-length': maxTargetLength,
    }).find(([, value]) => value !== undefined); // prettier-ignore
    if (given !== undefined)
      throw usageError(`${given[0]} is for records of a source and a target; add --task seq2seq-lm`);
    return { targetColumn: '', sourcePrefix: '', maxTargetLength: 0 };
  }
  if (targetColumn !== undefined && summaryColumn !== undefined)
    throw usageError('--target-column and --summary-column name the same column; give one of them');
  if (maxSourceLength !== undefined && options.maxSeqLength !== undefined)
    throw usageError('--max-source-length and --max-seq-length are the same length; give one of them');
  return {
    targetColumn: targetColumn ?? summaryColumn ?? DEFAULT_TARGET_COLUMN,
    sourcePrefix: sourcePrefix ?? '',
    maxTargetLength: longestTargetOf(options),
  };
}
