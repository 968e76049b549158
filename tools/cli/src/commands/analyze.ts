import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { DatasetOptions } from '../options/dataset-options.ts';
import { addDatasetOptions } from '../options/dataset-options.ts';
import type { SelectionOptions } from '../options/selection-options.ts';
import { addSelectionOptions } from '../options/selection-options.ts';
import type { TaskName } from '../options/training-options.ts';
import { addTaskOption } from '../options/training-options.ts';
import { integer, unsigned } from '../options/value-parsers.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican analyze`. */
export interface AnalyzeOptions extends DatasetOptions, SelectionOptions, CommonOptions {
  readonly model: string;
  readonly output?: string;
  readonly preprocessingNumWorkers?: number;
  readonly task: TaskName;
  readonly seed: number;
}

/** Defines `pemmican analyze`. */
export function defineAnalyze(program: Command, runner: Runner): void {
  const command = program
    .command('analyze')
    .summary('find the token ids that a data set uses')
    .description('Count the token ids that a data set uses, after the very truncation that training applies.')
    .requiredOption('--model <dir>', 'model folder, s3://BUCKET/PREFIX or hf:ID, for its tokenizer and config');
  addDatasetOptions(command);
  addTaskOption(command);
  command.option(
    '--seed <n>',
    'seed of a masked-lm run, whose replacements of hidden tokens are kept too',
    integer(0),
    42,
  );
  command.option('--output <file>', 'write the vocabulary profile (JSON) here');
  command.option(
    '--preprocessing-num-workers <n>',
    'most threads that count; the result is the same (default: one a processor)',
    unsigned(1),
  );
  addSelectionOptions(command, 1);
  addCommonOptions(command, ['vocabulary-analysis']);
  finish<AnalyzeOptions>(command, runner, async () => (await import('../actions/analyze.ts')).analyze, [
    'pemmican analyze --model ./all-MiniLM-L6-v2 --train-file train.jsonl --output vocabulary.json',
    'pemmican analyze --model hf:intfloat/multilingual-e5-small --train-file train.csv --validation-file dev.csv --text-column sentence --json',
    'pemmican analyze --model ./bert --train-file train.jsonl --task token-classification',
  ]);
}
