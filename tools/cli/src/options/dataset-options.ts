import type { Command } from 'commander';
import { Option } from 'commander';

import type { SourceAndTargetOptions } from './seq2seq-options.ts';
import { addSourceAndTargetOptions } from './seq2seq-options.ts';
import type { SequenceCommandOptions } from './sequence-options.ts';
import { addSequenceOptions } from './sequence-options.ts';
import type { TaskName } from './training-options.ts';
import { choice, unsigned } from './value-parsers.ts';

const DATA_FORMATS = ['auto', 'jsonl', 'json', 'csv', 'tsv', 'text', 'parquet'] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

/** How the command's user names the records and their columns. */
export interface ColumnOptions extends SourceAndTargetOptions, SequenceCommandOptions {
  /** Decides what a record is. */
  readonly task: TaskName;
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  readonly labelColumn?: string;
  /** Not given: 128, or 384 in question answering. */
  readonly maxSeqLength?: number;
  readonly dataFormat: DataFormat;
  readonly skipInvalid?: boolean;
  readonly questionColumn?: string;
  readonly contextColumn?: string;
  readonly answersColumn?: string;
  readonly docStride?: number;
  readonly version2WithNegative?: boolean;
}

/** The files of a job. */
export interface DatasetOptions extends ColumnOptions {
  readonly trainFile: string;
  readonly validationFile?: string;
  readonly testFile?: string;
}

/** Adds the options that say how records look. */
export function addColumnOptions(command: Command): Command {
  return command
    .option(
      '--text-column <name>',
      'column of the text, of the source, or of the list of words (default: "text"; "tokens" for words)',
    )
    .option('--text-pair-column <name>', 'column of the second text of a pair')
    .option(
      '--label-column <name>',
      'column of the label, or of the list of tags (default: "label"; "ner_tags" for words)',
    )
    .option(
      '--max-seq-length <tokens>',
      'longest sequence, special tokens included; longer ones are truncated, or become windows in question-answering (default: 128; 384 in question-answering)',
      unsigned(1),
    )
    .option(
      '--doc-stride <tokens>',
      'tokens of the context that windows share in question-answering (default: 128)',
      unsigned(),
    )
    .option('--question-column <name>', 'column of the question in question-answering (default: "question")')
    .option('--context-column <name>', 'column of the context (default: "context")')
    .option('--answers-column <name>', 'column of the answers, {text, answer_start} (default: "answers")')
    .option('--version-2-with-negative', 'questions may have no answer, as in SQuAD 2.0')
    .addOption(
      new Option('--data-format <format>', `layout of the files: ${DATA_FORMATS.join(', ')}`)
        .argParser(choice(DATA_FORMATS))
        .default('auto'),
    )
    .option(
      '--skip-invalid',
      'leave out (and count) records whose text, target or label is missing or whose answers are wrong, instead of failing',
    );
}

/** Adds the options that name the files and say how records look. */
export function addDatasetOptions(command: Command, isValidationRequired = false): Command {
  command.requiredOption('--train-file <file>', 'records to train on (JSONL, JSON array, CSV, TSV, text, Parquet)');
  if (isValidationRequired) command.requiredOption('--validation-file <file>', 'records to evaluate during training');
  else command.option('--validation-file <file>', 'records to evaluate during training');
  command.option('--test-file <file>', 'records to evaluate after training');
  return addSequenceOptions(addSourceAndTargetOptions(addColumnOptions(command)));
}
