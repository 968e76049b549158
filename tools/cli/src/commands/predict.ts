import type { Command } from 'commander';

import type { AnswerOptions } from '../options/answer-options.ts';
import { addAnswerOptions } from '../options/answer-options.ts';
import type { CommonOptions } from '../options/common-options.ts';
import { addCommonOptions } from '../options/common-options.ts';
import type { ColumnOptions } from '../options/dataset-options.ts';
import { addColumnOptions } from '../options/dataset-options.ts';
import { addSourceAndTargetOptions } from '../options/seq2seq-options.ts';
import type { BudgetOptions, TaskName } from '../options/training-options.ts';
import { addBudgetOption, addTaskOption } from '../options/training-options.ts';
import { unsigned } from '../options/value-parsers.ts';
import type { Runner } from './command.ts';
import { finish } from './command.ts';

/** Options of `pemmican predict`. */
export interface PredictOptions extends ColumnOptions, AnswerOptions, BudgetOptions, CommonOptions {
  readonly model: string;
  readonly baseModel?: string;
  readonly file: string;
  readonly task: TaskName;
  readonly perDeviceEvalBatchSize: number;
}

/** Defines `pemmican predict`. */
export function definePredict(program: Command, runner: Runner): void {
  const command = program
    .command('predict')
    .summary('print what a fine-tuned model says of a file')
    .description(
      "Print a fine-tuned model's logits of each record, the label of each word, the answer to each question, or the text that it writes of each source, in file order. Texts are written greedily, of --max-target-length tokens at the most; where records have targets, ROUGE says how they compare.",
    )
    .requiredOption('--model <dir>', 'model folder with a head, an adapter (PEFT folder), s3://BUCKET/PREFIX or hf:ID')
    .option('--base-model <dir>', 'model that an adapter is used with, in place of the one that it names')
    .requiredOption('--file <file>', 'records to predict');
  addSourceAndTargetOptions(addColumnOptions(command));
  addAnswerOptions(addTaskOption(command)).option(
    '--per-device-eval-batch-size <n>',
    'records of a batch',
    unsigned(1),
    16,
  );
  addBudgetOption(command);
  addCommonOptions(command, ['trainer']);
  finish<PredictOptions>(command, runner, async () => (await import('../actions/predict.ts')).predict, [
    'pemmican predict --model ./fine-tuned --file test.jsonl',
    'pemmican predict --model ./fine-tuned --file test.jsonl --json > logits.json',
    'pemmican predict --model ./fine-tuned --file test.jsonl --task token-classification',
    'pemmican predict --model ./fine-tuned --file questions.jsonl --task question-answering --json',
    "pemmican predict --model ./summaries --file articles.jsonl --task seq2seq-lm --text-column article --source-prefix 'summarize: '",
  ]);
}
