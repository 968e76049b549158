import type { Command } from 'commander';
import { Option } from 'commander';

import { addAnswerOptions, type AnswerOptions } from './answer-options.ts';
import type { BatchSizeOptions } from './batch-size-options.ts';
import {
  byteSize,
  choice,
  collect,
  dropout,
  integer,
  names,
  number,
  positiveNumber,
  probability,
  unsigned,
} from './value-parsers.ts';

const TASKS = [
  'sequence-classification', 'regression', 'masked-lm', 'causal-lm', 'token-classification', 'question-answering',
  'seq2seq-lm',
] as const; // prettier-ignore
const SCHEDULERS = ['linear', 'cosine', 'constant', 'constant-with-warmup'] as const;
// The trainer's limits.
const MAX_RANK = 65_536;
const MAX_DEVICES = 16;
const METRICS = [
  'loss', 'accuracy', 'f1', 'matthews-correlation', 'pearson', 'spearman', 'perplexity', 'precision', 'recall', 'exact-match',
] as const; // prettier-ignore
export type TaskName = (typeof TASKS)[number];

/** Tasks that train the softmax over the vocabulary; they have no logits of a record. */
export function isLanguageModeling(task: TaskName): boolean {
  return task === 'masked-lm' || task === 'causal-lm' || task === 'seq2seq-lm';
}

/** For the analysis before a run: the seed whose replacements masked language modeling needs. */
export function replacementSeedOf({ task, seed }: { task: TaskName; seed: number }): number | undefined {
  return task === 'masked-lm' ? seed : undefined;
}

export type SchedulerName = (typeof SCHEDULERS)[number];
export type MetricName = (typeof METRICS)[number];

/** Hyper-parameters as the command's user names them. */
export interface TrainingCommandOptions extends BatchSizeOptions, AnswerOptions {
  readonly task: TaskName;
  readonly numLabels?: number;
  readonly numTrainEpochs: number;
  readonly maxSteps?: number;
  readonly perDeviceTrainBatchSize: number;
  readonly perDeviceEvalBatchSize: number;
  readonly gradientAccumulationSteps: number;
  readonly numDevices: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  readonly adamEpsilon: number;
  readonly maxGradNorm: number;
  readonly lrSchedulerType: SchedulerName;
  readonly warmupRatio: number;
  readonly warmupSteps: number;
  readonly schedulerTotalSteps?: number;
  readonly seed: number;
  /** False with `--no-shuffle`. */
  readonly shuffle: boolean;
  readonly dropout: number | 'auto';
  readonly gradientCheckpointing?: boolean;
  readonly bf16?: boolean;
  readonly evalSteps: number;
  readonly saveSteps: number;
  readonly saveTotalLimit: number;
  readonly loadBestModelAtEnd?: boolean;
  readonly metricForBestModel?: MetricName;
  readonly unkeptTokensToUnk?: boolean;
  readonly mlmProbability: number;
  readonly labelNames?: readonly string[];
  readonly labelAllTokens?: boolean;
  readonly restrictedSoftmax?: boolean;
  readonly freezeEmbeddings?: boolean;
  readonly freeze?: readonly string[];
  /** Set: train adapters. */
  readonly loraRank?: number;
  readonly loraAlpha?: number;
  readonly loraDropout?: number;
  readonly loraTargetModules?: readonly string[];
  readonly loraRslora?: boolean;
  readonly loraTrainEmbeddings?: boolean;
}

/** What the trainer may use. */
export interface BudgetOptions {
  readonly memoryBudget?: number;
}

/** Adds the option that names the task. */
export function addTaskOption(command: Command): Command {
  return command.addOption(
    new Option('--task <task>', `what the model learns: ${TASKS.join(', ')}`)
      .argParser(choice(TASKS))
      .default('sequence-classification'),
  );
}

/** Adds the hyper-parameters, named and defaulted as in transformers' TrainingArguments. */
export function addTrainingOptions(command: Command): Command {
  addAnswerOptions(addTaskOption(command))
    .option('--num-labels <n>', 'number of labels (default: as the records and the config say)', unsigned(1))
    .option('--label-names <names>', 'names of the labels in the order of their numbers: O,B-PER,I-PER', names)
    .option('--label-all-tokens', 'in token-classification train all tokens of a word, not the first one alone')
    .option('--num-train-epochs <n>', 'passes over the training records', positiveNumber(), 3)
    .option('--max-steps <n>', 'optimizer steps, in place of --num-train-epochs', integer(1))
    .option('--per-device-train-batch-size <n>', 'records of a micro-batch in training', unsigned(1), 16)
    .option('--per-device-eval-batch-size <n>', 'records of a batch in evaluation', unsigned(1), 16)
    .option('--gradient-accumulation-steps <n>', 'micro-batches of a step, on each device', unsigned(1), 1)
    .option(
      '--num-devices <n>',
      'GPUs of the machine that each take a micro-batch at the same time: a step has as many times more records',
      integer(1, MAX_DEVICES),
      1,
    )
    .option('--learning-rate <rate>', 'peak learning rate', number(0), 5e-5)
    .option('--weight-decay <rate>', 'decoupled weight decay of all but biases and LayerNorm', number(0), 0)
    .option('--adam-beta1 <rate>', 'decay rate of the first moment', number(0, 1), 0.9)
    .option('--adam-beta2 <rate>', 'decay rate of the second moment', number(0, 1), 0.999)
    .option('--adam-epsilon <value>', "added to the second moment's root", number(0), 1e-8)
    .option('--max-grad-norm <norm>', 'clip gradients to this global norm; 0 clips nothing', number(0), 1)
    .addOption(
      new Option('--lr-scheduler-type <type>', SCHEDULERS.join(', ')).argParser(choice(SCHEDULERS)).default('linear'),
    )
    .option('--warmup-ratio <share>', 'share of the steps that warm up', number(0, 1), 0)
    .option('--warmup-steps <n>', 'steps that warm up, in place of --warmup-ratio', integer(0), 0)
    .option('--scheduler-total-steps <n>', 'steps of the schedule when it is longer than the run', integer(1))
    .option('--seed <n>', 'seed of shuffling, dropout and new weights', integer(0), 42)
    .option('--no-shuffle', 'train on the records in file order')
    .option('--dropout <p>', '"auto": as the model\'s config says, or a probability', dropout, 'auto')
    .option(
      '--gradient-checkpointing',
      "keep each layer's input only and compute the rest again: less memory, more time",
    )
    .option('--bf16', 'multiply matrices in bfloat16; weights stay float32')
    .option('--eval-steps <n>', "evaluate every so many steps; 0: at each epoch's end", integer(0), 0)
    .option('--save-steps <n>', "write a checkpoint every so many steps; 0: at each epoch's end", integer(0), 0)
    .option('--save-total-limit <n>', 'keep at most this many checkpoints', unsigned(1), 2)
    .option('--load-best-model-at-end', 'give the best checkpoint as the result, not the last one')
    .addOption(
      new Option(
        '--metric-for-best-model <metric>',
        `which metric decides: ${METRICS.join(', ')} (default: accuracy, pearson, f1 of answers, or loss)`,
      ).argParser((text: string) => choice(METRICS)(text.replace(/^eval[_-]/, ''))),
    )
    .option('--mlm-probability <share>', 'share of the tokens that masked-lm predicts', number(0, 1), 0.15)
    .option(
      '--restricted-softmax',
      'in masked-lm and causal-lm let the softmax run over the kept rows only: less memory, and ANOTHER LOSS than over the full vocabulary',
    )
    .option(
      '--freeze-embeddings',
      'keep the input embedding matrix as it is; a tied output matrix is the same matrix, so it is frozen too',
    )
    .option(
      '--freeze <pattern>',
      'keep parameters as they are: a name, with * for any run of characters ("*.layer.0.*"); may be given several times',
      collect,
    )
    .option(
      '--lora-rank <r>',
      'train low-rank adapters of this rank and the head; all else stays as it is: a PEFT adapter comes out',
      integer(1, MAX_RANK),
    )
    .option('--lora-alpha <value>', "adapters' products are multiplied by alpha / rank (default: 8)", positiveNumber())
    .option('--lora-dropout <p>', "probability of dropout on the adapters' input (default: 0)", probability)
    .option(
      '--lora-target-modules <names>',
      "linear maps that get an adapter: last parts of names with commas, or all-linear (default: PEFT's for the family)",
      names,
    )
    .option('--lora-rslora', 'multiply by alpha / sqrt(rank) in place of alpha / rank')
    .option(
      '--lora-train-embeddings',
      "train the kept embedding rows beside the adapters; the adapter has them as PEFT's trainable_token_indices",
    )
    .option('--unkept-tokens-to-unk', 'map tokens without a kept row to the unknown token instead of failing');
  return command;
}

/** Adds the hard limit on a run's tensors. */
export function addBudgetOption(command: Command): Command {
  return command.option('--memory-budget <size>', 'fail when tensors need more than this (8GiB)', byteSize);
}
