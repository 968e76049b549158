import type { Command } from 'commander';

import { addAutoFindOption } from '../options/batch-size-options.ts';
import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { DatasetOptions } from '../options/dataset-options.ts';
import { addDatasetOptions } from '../options/dataset-options.ts';
import type { SelectionOptions } from '../options/selection-options.ts';
import { addSelectionOptions } from '../options/selection-options.ts';
import type { BudgetOptions, TrainingCommandOptions } from '../options/training-options.ts';
import { addBudgetOption, addTrainingOptions } from '../options/training-options.ts';
import { byteSize } from '../options/value-parsers.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican run`. */
export interface RunOptions
  extends DatasetOptions, SelectionOptions, TrainingCommandOptions, BudgetOptions, CommonOptions {
  readonly model: string;
  readonly output: string;
  readonly resumeFromCheckpoint?: string;
  readonly overwrite?: boolean;
  /** False with `--no-reduce`. */
  readonly reduce: boolean;
  readonly exportTokenizer?: boolean;
  readonly unusedRowDecay?: boolean;
  readonly loraMerge?: boolean;
  readonly keepIntermediate?: boolean;
  readonly upload?: boolean;
  /** False with `--no-verify`. */
  readonly verify: boolean;
}

/** Adds everything that `run` and nothing else decides about the stages. */
function addStageOptions(command: Command): Command {
  return command
    .option(
      '--resume-from-checkpoint <dir>',
      'go on with an interrupted run of the same options: "latest", or a checkpoint',
    )
    .option('--overwrite', 'start over in an output folder that is not empty')
    .option('--no-reduce', 'ordinary fine-tuning of the full checkpoint')
    .option('--export-tokenizer', 'also write a tokenizer that yields reduced token ids beside the reduced checkpoint')
    .option('--unused-row-decay', 'decay unused rows as ordinary training with weight decay would have done')
    .option(
      '--lora-merge',
      'merge the trained adapter into the model: an ordinary checkpoint comes out, not an adapter',
    )
    .option('--keep-intermediate', 'keep the reduced checkpoint and the checkpoints of the run in OUTPUT/.pemmican')
    .option(
      '--upload',
      'with --server: send model and data to it, and fetch what comes out; for a server that shares no storage',
    )
    .option('--no-verify', 'do not compare predictions before and after the restoration')
    .option(
      '--memory <size>',
      'also say the largest batch that fits this (8GiB); what --auto-find-batch-size has to fit',
      byteSize,
    );
}

/** Defines `pemmican run`. */
export function defineRun(program: Command, runner: Runner): void {
  const command = program
    .command('run')
    .summary('analyze, estimate, reduce, train and restore in one')
    .description(
      'From a data file and a checkpoint to a fine-tuned checkpoint: analyze, estimate, reduce, train, restore.',
    )
    .requiredOption('--model <dir>', 'model folder, s3://BUCKET/PREFIX or hf:ID');
  addDatasetOptions(command);
  command.requiredOption(
    '--output <dir>',
    'folder, or s3://BUCKET/PREFIX, of the fine-tuned checkpoint, its metrics and its report',
  );
  addStageOptions(command);
  addSelectionOptions(command, 8);
  addTrainingOptions(command);
  addAutoFindOption(command);
  addBudgetOption(command);
  addCommonOptions(command, ['vocabulary-analysis', 'embedding-surgery', 'trainer']);
  finish<RunOptions>(command, runner, async () => (await import('../actions/run.ts')).run, [
    'pemmican run --model ./multilingual-e5-small --train-file train.jsonl --validation-file dev.jsonl --output ./fine-tuned',
    'pemmican run --model hf:intfloat/multilingual-e5-small --train-file train.csv --validation-file dev.csv --output ./fine-tuned --learning-rate 3e-5 --warmup-ratio 0.1',
    'pemmican run --model s3://models/minilm --train-file s3://data/train.jsonl --output s3://models/fine-tuned',
    'pemmican run --model ./model --train-file train.jsonl --output ./adapter --lora-rank 8 --learning-rate 1e-3',
    'pemmican run --model ./model --train-file train.jsonl --output ./fine-tuned --upload --server trainer.example:443 --tls-ca ca.pem',
  ]);
}
