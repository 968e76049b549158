import type { Command } from 'commander';
import { RecordKind } from '@pemmican/contract/vocabulary';
import type { DatasetSpec } from '@pemmican/contract/vocabulary';

import { usageError } from '../cli-error.ts';
import type { TaskName } from './training-options.ts';
import { unsigned } from './value-parsers.ts';

const DEFAULT_TARGET_COLUMN = 'target';
const DEFAULT_MAX_TARGET_LENGTH = 128;

/** What only records of a source and a target have; named as in Hugging Face's run_summarization.py and run_translation.py. */
export interface SequenceOptions {
  readonly targetColumn?: string;
  readonly summaryColumn?: string;
  readonly sourcePrefix?: string;
  readonly maxSourceLength?: number;
  readonly maxTargetLength?: number;
}

type AllOptions = SequenceOptions & { readonly task: TaskName; readonly maxSeqLength: number };

/** Adds the options of records of a source and a target. */
export function addSequenceOptions(command: Command): Command {
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
      `in seq2seq-lm longest target, special tokens included (default: ${DEFAULT_MAX_TARGET_LENGTH})`,
      unsigned(1),
    );
}

/** Longest sequence, or longest source where records have a target. */
export function maxSourceLength({ maxSourceLength: given, maxSeqLength }: AllOptions): number {
  return given ?? maxSeqLength;
}

/** What batches are padded to at most. */
export function longestLengths(options: AllOptions): { maxSeqLength: number; maxTargetLength: number } {
  const maxTargetLength = options.task === 'seq2seq-lm' ? (options.maxTargetLength ?? DEFAULT_MAX_TARGET_LENGTH) : 0;
  return { maxSeqLength: maxSourceLength(options), maxTargetLength };
}

/**
 * The contract's fields of records of a source and a target.
 * @throws CliError for such an option in another task, and for one that is given by both of its names
 */
export function toSequenceFields(
  options: AllOptions,
): Pick<DatasetSpec, 'targetColumn' | 'sourcePrefix' | 'maxTargetLength'> & Partial<Pick<DatasetSpec, 'recordKind'>> {
  const { targetColumn, summaryColumn, sourcePrefix, maxTargetLength } = options;
  if (options.task !== 'seq2seq-lm') {
    const given = Object.entries({
      '--target-column': targetColumn, '--summary-column': summaryColumn, '--source-prefix': sourcePrefix,
      '--max-source-length': options.maxSourceLength, '--max-target-length': maxTargetLength,
    }).find(([, value]) => value !== undefined); // prettier-ignore
    if (given !== undefined)
      throw usageError(`${given[0]} is for records of a source and a target; add --task seq2seq-lm`);
    return { targetColumn: '', sourcePrefix: '', maxTargetLength: 0 };
  }
  if (targetColumn !== undefined && summaryColumn !== undefined)
    throw usageError('--target-column and --summary-column name the same column; give one of them');
  return {
    recordKind: RecordKind.SOURCE_AND_TARGET,
    targetColumn: targetColumn ?? summaryColumn ?? DEFAULT_TARGET_COLUMN,
    sourcePrefix: sourcePrefix ?? '',
    maxTargetLength: maxTargetLength ?? DEFAULT_MAX_TARGET_LENGTH,
  };
}
