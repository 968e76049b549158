import { isLanguageModeling, type LoraOptions, type Task } from '@pemmican/models';
import { TrainingError } from './error.ts';
import { DEFAULT_ANSWER_CHOICE } from './answer-prediction.ts';
import { METRICS, type Metric } from './metrics.ts';
import { SCHEDULES, type Schedule } from './schedule.ts';

/** Hyper-parameters, named as in transformers' TrainingArguments; every field is set. */
export interface TrainingOptions {
  readonly task: Task;
  /** Passes over the training records; decides when {@link maxSteps} is 0. */
  readonly numTrainEpochs: number;
  /** Optimizer steps; 0: as {@link numTrainEpochs} says. */
  readonly maxSteps: number;
  readonly perDeviceTrainBatchSize: number;
  readonly perDeviceEvalBatchSize: number;
  readonly gradientAccumulationSteps: number;
  /** Devices of this machine that each take a micro-batch at the same time: a step has this many times as many. */
  readonly numDevices: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  readonly adamEpsilon: number;
  /** Global L2 norm to which gradients are scaled down; 0: no clipping. */
  readonly maxGradNorm: number;
  readonly lrSchedulerType: Schedule;
  readonly warmupRatio: number;
  /** Steps of warm-up; when positive it decides in place of {@link warmupRatio}. */
  readonly warmupSteps: number;
  /** Steps of the whole schedule when it is longer than the run; 0: the run's. */
  readonly schedulerTotalSteps: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /** Dropout probability in place of the config's; undefined: as the config says. */
  readonly dropout: number | undefined;
  readonly gradientCheckpointing: boolean;
  /** 0: at the end of each epoch. */
  readonly evalSteps: number;
  /** 0: at the end of each epoch. */
  readonly saveSteps: number;
  readonly saveTotalLimit: number;
  readonly loadBestModelAtEnd: boolean;
  readonly metricForBestModel: Metric;
  readonly bf16: boolean;
  /** Share of the tokens that masked language modeling predicts. */
  readonly mlmProbability: number;
  /** Question answering: the best starts and ends whose pairs are looked at, this many of each. */
  readonly nBestSize: number;
  /** Question answering: longest answer in tokens. */
  readonly maxAnswerLength: number;
  /** Question answering: no answer is told where its score is better than the best answer's by more than this. */
  readonly nullScoreDiffThreshold: number;
  /** Keep the input embedding matrix as it is. A tied output matrix is the same matrix, so it is frozen too. */
  readonly freezeEmbeddings: boolean;
  /** Keep these parameters as they are: names, in which `*` stands for any run of characters. */
  readonly freeze: readonly string[];
  /** Language modeling on a reduced model: the softmax runs over the kept rows only, which is another loss. */
  readonly restrictedSoftmax: boolean;
  /** Train adapters in place of the model itself. */
  readonly lora: LoraTrainingOptions | undefined;
}

/** What a user says of adapters; the rest follows from the model. */
export type LoraTrainingOptions = Omit<LoraOptions, 'drawnModules'>;

/** PEFT's default of `lora_alpha`. */
export const DEFAULT_LORA_ALPHA = 8;

export const DEFAULT_TRAINING_OPTIONS: TrainingOptions = {
  task: 'sequence-classification',
  numTrainEpochs: 3,
  maxSteps: 0,
  perDeviceTrainBatchSize: 16,
  perDeviceEvalBatchSize: 16,
  gradientAccumulationSteps: 1,
  numDevices: 1,
  learningRate: 5e-5,
  weightDecay: 0,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  maxGradNorm: 1,
  lrSchedulerType: 'linear',
  warmupRatio: 0,
  warmupSteps: 0,
  schedulerTotalSteps: 0,
  seed: 42,
  shuffle: true,
  dropout: undefined,
  gradientCheckpointing: false,
  evalSteps: 0,
  saveSteps: 0,
  saveTotalLimit: 2,
  loadBestModelAtEnd: false,
  metricForBestModel: 'accuracy',
  bf16: false,
  mlmProbability: 0.15,
  ...DEFAULT_ANSWER_CHOICE,
  freezeEmbeddings: false,
  freeze: [],
  restrictedSoftmax: false,
  lora: undefined,
};

// Past these a value is a slip of the pen, and what it would allocate or loop over is not bounded by anything else.
const MAX_BATCH_SIZE = 65_536;
const MAX_STEPS = 1_000_000_000;
const MAX_EPOCHS = 1_000_000;
const MAX_RANK = 65_536;
// The graph has a forward and a backward pass for each device, and machines with more GPUs than this are not sold.
const MAX_DEVICES = 16;
// Pairs grow with its square.
const MAX_BEST_SIZE = 1000;

interface Range {
  readonly minimum: number;
  readonly maximum: number;
  readonly isInteger?: boolean;
  readonly excludesMaximum?: boolean;
  readonly excludesMinimum?: boolean;
}

const RANGES: Partial<Record<Exclude<keyof TrainingOptions, 'lora' | 'freeze'>, Range>> = {
  numTrainEpochs: { minimum: 0, maximum: MAX_EPOCHS, excludesMinimum: true },
  maxSteps: { minimum: 0, maximum: MAX_STEPS, isInteger: true },
  perDeviceTrainBatchSize: { minimum: 1, maximum: MAX_BATCH_SIZE, isInteger: true },
  perDeviceEvalBatchSize: { minimum: 1, maximum: MAX_BATCH_SIZE, isInteger: true },
  gradientAccumulationSteps: { minimum: 1, maximum: MAX_BATCH_SIZE, isInteger: true },
  numDevices: { minimum: 1, maximum: MAX_DEVICES, isInteger: true },
  learningRate: { minimum: 0, maximum: 1000 },
  weightDecay: { minimum: 0, maximum: 1000 },
  adamBeta1: { minimum: 0, maximum: 1, excludesMaximum: true },
  adamBeta2: { minimum: 0, maximum: 1, excludesMaximum: true },
  adamEpsilon: { minimum: 0, maximum: 1, excludesMinimum: true },
  maxGradNorm: { minimum: 0, maximum: Number.MAX_VALUE },
  warmupRatio: { minimum: 0, maximum: 1 },
  warmupSteps: { minimum: 0, maximum: MAX_STEPS, isInteger: true },
  schedulerTotalSteps: { minimum: 0, maximum: MAX_STEPS, isInteger: true },
  seed: { minimum: 0, maximum: Number.MAX_SAFE_INTEGER, isInteger: true },
  dropout: { minimum: 0, maximum: 1, excludesMaximum: true },
  evalSteps: { minimum: 0, maximum: MAX_STEPS, isInteger: true },
  saveSteps: { minimum: 0, maximum: MAX_STEPS, isInteger: true },
  saveTotalLimit: { minimum: 1, maximum: 1_000_000, isInteger: true },
  mlmProbability: { minimum: 0, maximum: 1, excludesMinimum: true },
  nBestSize: { minimum: 1, maximum: MAX_BEST_SIZE, isInteger: true },
  maxAnswerLength: { minimum: 1, maximum: 1_000_000, isInteger: true },
  nullScoreDiffThreshold: { minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE },
};

const LORA_RANGES = {
  rank: { minimum: 1, maximum: MAX_RANK, isInteger: true },
  alpha: { minimum: 0, maximum: Number.MAX_VALUE, excludesMinimum: true },
  dropout: { minimum: 0, maximum: 1, excludesMaximum: true },
} as const satisfies Partial<Record<keyof LoraTrainingOptions, Range>>;

function isInside(value: number, range: Range): boolean {
  if (range.isInteger === true && !Number.isInteger(value)) return false;
  const aboveMinimum = range.excludesMinimum === true ? value > range.minimum : value >= range.minimum;
  const belowMaximum = range.excludesMaximum === true ? value < range.maximum : value <= range.maximum;
  return aboveMinimum && belowMaximum;
}

function describe(range: Range): string {
  const kind = range.isInteger === true ? 'an integer' : 'a number';
  return `${kind} ${range.excludesMinimum === true ? 'above' : 'from'} ${range.minimum} ${range.excludesMaximum === true ? 'to below' : 'to'} ${range.maximum}`;
}

/** What is wrong with options: the field, its value and what is allowed. */
export interface OptionProblem {
  readonly field: keyof TrainingOptions;
  readonly message: string;
}

/** Every problem of the options, so that a person mends them in one go. NaN is in no range. */
export function findOptionProblems(options: TrainingOptions): OptionProblem[] {
  const problems: OptionProblem[] = [];
  for (const [field, range] of Object.entries(RANGES) as [keyof typeof RANGES, Range][]) {
    const value = options[field];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !isInside(value, range))
      problems.push({ field, message: `${field} is ${String(value)}, expected ${describe(range)}` });
  }
  if (!SCHEDULES.includes(options.lrSchedulerType))
    problems.push({
      field: 'lrSchedulerType',
      message: `lrSchedulerType is "${options.lrSchedulerType}", expected one of ${SCHEDULES.join(', ')}`,
    });
  if (options.freeze.includes(''))
    problems.push({
      field: 'freeze',
      message: 'freeze has an empty pattern, expected names of parameters, with * for any run of characters',
    });
  if (options.restrictedSoftmax && !isLanguageModeling(options.task))
    problems.push({
      field: 'restrictedSoftmax',
      message: `restrictedSoftmax is true, expected false for ${options.task}, which has no softmax over the vocabulary`,
    });
  if (options.lora !== undefined) problems.push(...findLoraProblems(options.lora, options));
  const metrics = METRICS[options.task];
  if (!(metrics as readonly Metric[]).includes(options.metricForBestModel)) {
    problems.push({
      field: 'metricForBestModel',
      message: `metricForBestModel is "${options.metricForBestModel}", expected one of ${metrics.join(', ')} for ${options.task}`,
    });
  }
  return problems;
}

function findLoraProblems(lora: LoraTrainingOptions, { freeze, freezeEmbeddings }: TrainingOptions): OptionProblem[] {
  const problems: OptionProblem[] = [];
  for (const [name, range] of Object.entries(LORA_RANGES) as [keyof typeof LORA_RANGES, Range][]) {
    if (!isInside(lora[name], range))
      problems.push({ field: 'lora', message: `lora.${name} is ${String(lora[name])}, expected ${describe(range)}` });
  }
  if (freeze.length > 0)
    problems.push({
      field: 'freeze',
      message: `freeze is "${freeze.join(' ')}", expected nothing beside lora, which freezes all but adapters and head`,
    });
  if (freezeEmbeddings && lora.trainsEmbeddings)
    problems.push({
      field: 'freezeEmbeddings',
      message: 'freezeEmbeddings is true, expected false beside lora.trainsEmbeddings',
    });
  return problems;
}

/** @throws TrainingError INVALID_OPTION that names every problem */
export function checkOptions(options: TrainingOptions): void {
  const problems = findOptionProblems(options);
  if (problems.length > 0)
    throw new TrainingError('INVALID_OPTION', problems.map((problem) => problem.message).join('; '));
}
