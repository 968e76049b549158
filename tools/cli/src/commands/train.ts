import type { Command } from 'commander';

import { addAutoFindOption } from '../options/batch-size-options.ts';
import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { DatasetOptions } from '../options/dataset-options.ts';
import { addDatasetOptions } from '../options/dataset-options.ts';
import type { BudgetOptions, TrainingCommandOptions } from '../options/training-options.ts';
import { addBudgetOption, addTrainingOptions } from '../options/training-options.ts';
import { byteSize } from '../options/value-parsers.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican train`. */
export interface TrainOptions extends DatasetOptions, TrainingCommandOptions, BudgetOptions, CommonOptions {
  readonly model: string;
  readonly output: string;
  readonly resumeFromCheckpoint?: string;
  readonly overwrite?: boolean;
}

/** Defines `pemmican train`. */
export function defineTrain(program: Command, runner: Runner): void {
  const command = program
    .command('train')
    .summary('fine-tune a checkpoint, reduced or full')
    .description('Fine-tune a checkpoint, reduced (with its token id map) or full.')
    .requiredOption('--model <dir>', 'model folder, reduced or full, s3://BUCKET/PREFIX or hf:ID');
  addDatasetOptions(command);
  command
    .requiredOption('--output <dir>', 'folder of the run: checkpoints, metrics.jsonl, report and the trained model')
    .option(
      '--resume-from-checkpoint <dir>',
      'go on from this checkpoint; "latest": from the newest whole one in --output',
    )
    .option('--overwrite', 'start over in an output folder that is not empty');
  addTrainingOptions(command);
  addAutoFindOption(command).option('--memory <size>', 'what --auto-find-batch-size has to fit (8GiB)', byteSize);
  addBudgetOption(command);
  addCommonOptions(command, ['trainer']);
  finish<TrainOptions>(command, runner, async () => (await import('../actions/train.ts')).train, [
    'pemmican train --model ./reduced --train-file train.jsonl --validation-file dev.jsonl --output ./run',
    'pemmican train --model ./reduced --train-file train.jsonl --validation-file dev.jsonl --output ./run --num-train-epochs 5 --learning-rate 3e-5 --warmup-ratio 0.1 --load-best-model-at-end',
    'pemmican train --model ./reduced --train-file train.jsonl --output ./run --resume-from-checkpoint latest',
  ]);
}
