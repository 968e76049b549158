import {
  type LoraOptions,
  LearningRateScheduler,
  Metric,
  Task,
  type TrainingOptions as OptionsMessage,
} from '@pemmican/contract/trainer';
import {
  DEFAULT_LORA_ALPHA,
  DEFAULT_TRAINING_OPTIONS,
  defaultMetric,
  type LoraTrainingOptions,
  type Metric as MetricName,
  type Schedule,
  type TrainingOptions,
} from '@pemmican/training';
import type { Task as TaskName } from '@pemmican/models';

const SCHEDULE_NAMES: Readonly<Record<LearningRateScheduler, Schedule>> = {
  [LearningRateScheduler.UNSPECIFIED]: 'linear',
  [LearningRateScheduler.LINEAR]: 'linear',
  [LearningRateScheduler.COSINE]: 'cosine',
  [LearningRateScheduler.CONSTANT]: 'constant',
  [LearningRateScheduler.CONSTANT_WITH_WARMUP]: 'constant_with_warmup',
};

const METRIC_NAMES: Readonly<Record<Metric, MetricName | undefined>> = {
  [Metric.UNSPECIFIED]: undefined,
  [Metric.LOSS]: 'loss',
  [Metric.ACCURACY]: 'accuracy',
  [Metric.F1]: 'f1',
  [Metric.MATTHEWS_CORRELATION]: 'matthews_correlation',
  [Metric.PEARSON]: 'pearson',
  [Metric.SPEARMAN]: 'spearman',
  [Metric.PERPLEXITY]: 'perplexity',
  [Metric.PRECISION]: 'precision',
  [Metric.RECALL]: 'recall',
  [Metric.EXACT_MATCH]: 'exact_match',
};

const TASK_NAMES: Readonly<Record<Task, TaskName>> = {
  [Task.UNSPECIFIED]: 'sequence-classification',
  [Task.SEQUENCE_CLASSIFICATION]: 'sequence-classification',
  [Task.REGRESSION]: 'regression',
  [Task.MASKED_LM]: 'masked-lm',
  [Task.CAUSAL_LM]: 'causal-lm',
  [Task.TOKEN_CLASSIFICATION]: 'token-classification',
  [Task.QUESTION_ANSWERING]: 'question-answering',
  [Task.SEQ2SEQ_LM]: 'seq2seq-lm',
};

export function toTask(task: Task): TaskName {
  return TASK_NAMES[task];
}

/** Hyper-parameters with the defaults filled in. */
export function toTrainingOptions(message: OptionsMessage | undefined): TrainingOptions {
  if (message === undefined) return DEFAULT_TRAINING_OPTIONS;
  const defaults = DEFAULT_TRAINING_OPTIONS;
  const task = toTask(message.task);
  return {
    task,
    numTrainEpochs: message.numTrainEpochs ?? defaults.numTrainEpochs,
    maxSteps: message.maxSteps ?? defaults.maxSteps,
    perDeviceTrainBatchSize: message.perDeviceTrainBatchSize ?? defaults.perDeviceTrainBatchSize,
    perDeviceEvalBatchSize: message.perDeviceEvalBatchSize ?? defaults.perDeviceEvalBatchSize,
    gradientAccumulationSteps: message.gradientAccumulationSteps ?? defaults.gradientAccumulationSteps,
    numDevices: message.numDevices ?? defaults.numDevices,
    learningRate: message.learningRate ?? defaults.learningRate,
    weightDecay: message.weightDecay ?? defaults.weightDecay,
    adamBeta1: message.adamBeta1 ?? defaults.adamBeta1,
    adamBeta2: message.adamBeta2 ?? defaults.adamBeta2,
    adamEpsilon: message.adamEpsilon ?? defaults.adamEpsilon,
    maxGradNorm: message.maxGradNorm ?? defaults.maxGradNorm,
    lrSchedulerType: SCHEDULE_NAMES[message.lrSchedulerType],
    warmupRatio: message.warmupRatio ?? defaults.warmupRatio,
    warmupSteps: message.warmupSteps ?? defaults.warmupSteps,
    schedulerTotalSteps: message.schedulerTotalSteps ?? defaults.schedulerTotalSteps,
    seed: message.seed ?? defaults.seed,
    shuffle: !message.noShuffle,
    dropout: message.dropout,
    gradientCheckpointing: message.gradientCheckpointing,
    evalSteps: message.evalSteps ?? defaults.evalSteps,
    saveSteps: message.saveSteps ?? defaults.saveSteps,
    saveTotalLimit: message.saveTotalLimit ?? defaults.saveTotalLimit,
    loadBestModelAtEnd: message.loadBestModelAtEnd,
    metricForBestModel: METRIC_NAMES[message.metricForBestModel] ?? defaultMetric(task),
    bf16: message.bf16,
    mlmProbability: message.mlmProbability ?? defaults.mlmProbability,
    nBestSize: message.nBestSize ?? defaults.nBestSize,
    maxAnswerLength: message.maxAnswerLength ?? defaults.maxAnswerLength,
    nullScoreDiffThreshold: message.nullScoreDiffThreshold ?? defaults.nullScoreDiffThreshold,
    freezeEmbeddings: message.freezeEmbeddings,
    freeze: message.freeze,
    restrictedSoftmax: message.restrictedSoftmax,
    lora: message.lora === undefined ? undefined : toLoraOptions(message.lora),
  };
}

function toLoraOptions(message: LoraOptions): LoraTrainingOptions {
  return {
    rank: message.rank,
    alpha: message.alpha ?? DEFAULT_LORA_ALPHA,
    dropout: message.dropout,
    targetModules: message.targetModules,
    hasRankStabilization: message.useRslora,
    trainsEmbeddings: message.trainEmbeddings,
  };
}
