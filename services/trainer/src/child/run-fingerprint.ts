import { Split } from '@pemmican/contract/vocabulary';
import { checkpointFingerprint } from '@pemmican/embedding';
import {
  digestDataset,
  microBatchesPerStep,
  type LoraTrainingOptions,
  type TrainerState,
  type TrainingOptions,
} from '@pemmican/training';
import { frozenPatterns } from '../model-to-train.ts';
import type { PreparedData } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';

/** Everything that a step's outcome depends on, except the weights that a checkpoint brings itself. */
export async function fingerprintOf(
  prepared: PreparedModel,
  data: PreparedData,
  options: TrainingOptions,
): Promise<TrainerState['fingerprint']> {
  const {
    evalSteps: _evalSteps,
    saveSteps: _saveSteps,
    saveTotalLimit: _limit,
    loadBestModelAtEnd: _best,
    metricForBestModel: _metric,
    perDeviceEvalBatchSize: _evalBatch,
    numDevices: _numDevices,
    nBestSize: _nBestSize,
    maxAnswerLength: _maxAnswerLength,
    nullScoreDiffThreshold: _nullScoreDiffThreshold,
    dropout,
    freezeEmbeddings: _freezeEmbeddings,
    freeze: _freeze,
    restrictedSoftmax,
    lora,
    ...deciding
  } = options;
  const frozen = frozenPatterns(prepared.model, options);
  const trainData = data.splits.get(Split.TRAIN);
  return {
    ...deciding,
    // Whether devices take a step's micro-batches one after the other or at the same time is the same to the step.
    gradientAccumulationSteps: microBatchesPerStep(options),
    dropout: dropout ?? 'config',
    ...(restrictedSoftmax ? { restrictedSoftmax } : {}),
    ...(frozen.length === 0 ? {} : { frozen: frozen.join(' ') }),
    // An adapter's checkpoint does not bring the weights that it was trained beside.
    ...(lora === undefined
      ? {}
      : { lora: describeLora(lora), baseFingerprint: await checkpointFingerprint(prepared.checkpoint) }),
    vocabRows: prepared.vocabRows,
    labelCount: data.labelCount,
    keptTokenIdsDigest: prepared.reduction?.manifest.keptTokenIdsDigest ?? 'none',
    trainDataDigest: trainData === undefined ? 'none' : await digestDataset(trainData),
  };
}

/** What is not asked for is left out, so that runs from before there was such a thing go on. */
function describeLora({ trainsEmbeddings, ...lora }: LoraTrainingOptions): string {
  return JSON.stringify(trainsEmbeddings ? { ...lora, trainsEmbeddings } : lora);
}
