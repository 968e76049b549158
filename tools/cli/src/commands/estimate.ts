import type { Command } from 'commander';

import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { DatasetOptions } from '../options/dataset-options.ts';
import { addDatasetOptions } from '../options/dataset-options.ts';
import type { SelectionOptions } from '../options/selection-options.ts';
import { addSelectionOptions } from '../options/selection-options.ts';
import type { TrainingCommandOptions } from '../options/training-options.ts';
import { addTrainingOptions } from '../options/training-options.ts';
import { byteSize } from '../options/value-parsers.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican estimate`. */
export interface EstimateOptions extends DatasetOptions, SelectionOptions, TrainingCommandOptions, CommonOptions {
  readonly model: string;
  readonly output?: string;
}

/** Defines `pemmican estimate`. */
export function defineEstimate(program: Command, runner: Runner): void {
  const command = program
    .command('estimate')
    .summary('say how much memory training takes, full and reduced')
    .description('Analyze the data, then compute the memory of a training step with every row and with the kept rows.')
    .requiredOption('--model <dir>', 'model folder, s3://BUCKET/PREFIX or hf:ID');
  addDatasetOptions(command);
  command
    .option('--memory <size>', 'also say the largest batch that fits this (8GiB)', byteSize)
    .option('--output <file>', 'write the vocabulary profile (JSON) here');
  addSelectionOptions(command, 8);
  addTrainingOptions(command);
  addCommonOptions(command, ['vocabulary-analysis', 'trainer']);
  finish<EstimateOptions>(command, runner, async () => (await import('../actions/estimate.ts')).estimate, [
    'pemmican estimate --model ./multilingual-e5-small --train-file train.jsonl --memory 8GiB',
    'pemmican estimate --model ./model --train-file train.jsonl --per-device-train-batch-size 64 --gradient-checkpointing --json',
  ]);
}
