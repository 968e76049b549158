import { LearningRateScheduler, Metric, Task } from '@pemmican/contract/trainer';
import type { LoraOptions, TrainingOptions } from '@pemmican/contract/trainer';

import { usageError } from '../cli-error.ts';

import { toBatchSizeFields } from './batch-size-options.ts';
import type { MetricName, SchedulerName, TaskName, TrainingCommandOptions } from './training-options.ts';

/**
 * The contract's message for the hyper-parameters.
 * @param baseModelUri model that an adapter is to be used with, where it is not the one that is trained
 * @throws CliError for an option of adapters without adapters
 */
export function toTrainingOptions(options: TrainingCommandOptions, baseModelUri = ''): TrainingOptions {
  return {
    task: toTask(options.task),
    numTrainEpochs: options.numTrainEpochs,
    maxSteps: options.maxSteps,
    perDeviceTrainBatchSize: options.perDeviceTrainBatchSize,
    perDeviceEvalBatchSize: options.perDeviceEvalBatchSize,
    gradientAccumulationSteps: options.gradientAccumulationSteps,
    numDevices: options.numDevices,
    learningRate: options.learningRate,
    weightDecay: options.weightDecay,
    adamBeta1: options.adamBeta1,
    adamBeta2: options.adamBeta2,
    adamEpsilon: options.adamEpsilon,
    maxGradNorm: options.maxGradNorm,
    lrSchedulerType: toScheduler(options.lrSchedulerType),
    warmupRatio: options.warmupRatio,
    warmupSteps: options.warmupSteps,
    schedulerTotalSteps: options.schedulerTotalSteps,
    seed: options.seed,
    noShuffle: !options.shuffle,
    dropout: options.dropout === 'auto' ? undefined : options.dropout,
    gradientCheckpointing: options.gradientCheckpointing === true,
    evalSteps: options.evalSteps,
    saveSteps: options.saveSteps,
    saveTotalLimit: options.saveTotalLimit,
    loadBestModelAtEnd: options.loadBestModelAtEnd === true,
    metricForBestModel: toMetric(options.metricForBestModel),
    bf16: options.bf16 === true,
    numLabels: options.numLabels ?? 0,
    unkeptTokensToUnk: options.unkeptTokensToUnk === true,
    mlmProbability: options.mlmProbability,
    labelNames: [...(options.labelNames ?? [])],
    labelAllTokens: options.labelAllTokens === true,
    freezeEmbeddings: options.freezeEmbeddings === true,
    freeze: [...(options.freeze ?? [])],
    restrictedSoftmax: options.restrictedSoftmax === true,
    lora: toLora(options, baseModelUri),
    ...toBatchSizeFields(options),
    nBestSize: options.nBestSize,
    maxAnswerLength: options.maxAnswerLength,
    nullScoreDiffThreshold: options.nullScoreDiffThreshold,
  };
}

function toLora(options: TrainingCommandOptions, baseModelUri: string): LoraOptions | undefined {
  const { loraRank, loraAlpha, loraDropout, loraTargetModules, loraRslora, loraTrainEmbeddings } = options;
  if (loraRank === undefined) {
    const others = { '--lora-alpha': loraAlpha, '--lora-dropout': loraDropout, '--lora-target-modules': loraTargetModules, '--lora-rslora': loraRslora, '--lora-train-embeddings': loraTrainEmbeddings }; // prettier-ignore
    const given = Object.entries(others).find(([, value]) => value !== undefined);
    if (given !== undefined)
      throw usageError(`${given[0]} says how adapters are trained; add --lora-rank to train some`);
    return undefined;
  }
  return {
    rank: loraRank,
    alpha: loraAlpha,
    dropout: loraDropout ?? 0,
    targetModules: [...(loraTargetModules ?? [])],
    useRslora: loraRslora === true,
    baseModelUri,
    trainEmbeddings: loraTrainEmbeddings === true,
  };
}

/** The contract's value of `--task`. */
export function toTask(task: TaskName): Task {
  switch (task) {
    case 'sequence-classification':
      return Task.SEQUENCE_CLASSIFICATION;
    case 'regression':
      return Task.REGRESSION;
    case 'masked-lm':
      return Task.MASKED_LM;
    case 'causal-lm':
      return Task.CAUSAL_LM;
    case 'token-classification':
      return Task.TOKEN_CLASSIFICATION;
    case 'question-answering':
      return Task.QUESTION_ANSWERING;
    case 'seq2seq-lm':
      return Task.SEQ2SEQ_LM;
  }
}

function toScheduler(type: SchedulerName): LearningRateScheduler {
  switch (type) {
    case 'linear':
      return LearningRateScheduler.LINEAR;
    case 'cosine':
      return LearningRateScheduler.COSINE;
    case 'constant':
      return LearningRateScheduler.CONSTANT;
    case 'constant-with-warmup':
      return LearningRateScheduler.CONSTANT_WITH_WARMUP;
  }
}

function toMetric(metric: MetricName | undefined): Metric {
  switch (metric) {
    case undefined:
      return Metric.UNSPECIFIED;
    case 'loss':
      return Metric.LOSS;
    case 'accuracy':
      return Metric.ACCURACY;
    case 'f1':
      return Metric.F1;
    case 'matthews-correlation':
      return Metric.MATTHEWS_CORRELATION;
    case 'pearson':
      return Metric.PEARSON;
    case 'spearman':
      return Metric.SPEARMAN;
    case 'perplexity':
      return Metric.PERPLEXITY;
    case 'precision':
      return Metric.PRECISION;
    case 'recall':
      return Metric.RECALL;
    case 'exact-match':
      return Metric.EXACT_MATCH;
  }
}
