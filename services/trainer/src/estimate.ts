import type { EstimateMemoryRequest, EstimateMemoryResponse, MemoryEstimate } from '@pemmican/contract/trainer';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder, type HubOptions } from '@pemmican/storage';
import { buildTrainingProgram, type TrainingOptions, type TrainingProgram } from '@pemmican/training';
import { isLanguageModeling, parseModel, requireTask, tiedAsIn, type Model, type Task } from '@pemmican/models';
import { otherDeviceNames } from './devices.ts';
import { toTrainingOptions } from './convert-options.ts';
import { ENGINE_BYTES } from './memory-limit.ts';
import { readModelConfig } from './model-config.ts';
import { modelToTrain } from './model-to-train.ts';

const MAX_BATCH_SIZE = 65_536;

/** The memory report of a model, full and reduced, from the plan of the very graph that would train. */
export async function estimateMemory(request: EstimateMemoryRequest, hub: HubOptions): Promise<EstimateMemoryResponse> {
  const options = toTrainingOptions(request.options);
  const folder = await openFolder(request.modelUri, { hub });
  const config = await readModelConfig(folder);
  const parsed = parseModel(config, `${folder.name}/config.json`);
  requireTask(parsed, options.task, folder.name);
  const checkpoint = await Checkpoint.open(folder);
  const base = await tiedAsIn(parsed, checkpoint);
  const headName = base.headWeightName(options.task);
  const headLabels = checkpoint.has(headName) ? (checkpoint.get(headName).shape[0] ?? 2) : 2;
  const labelCount = request.options?.labelNames.length || request.options?.numLabels || headLabels;
  const outputRows = outputRowsOf(base, checkpoint, options.task);
  const { model } = await withClosing(checkpoint, () =>
    modelToTrain(base, checkpoint, options, { labelCount, vocabRows: base.vocabSize, outputRows }),
  );
  const isTied = model.isTied(options.task);
  const estimate = (vocabRows: number): MemoryEstimate =>
    estimateRows({
      model,
      options,
      labelCount,
      vocabRows,
      outputRows: options.restrictedSoftmax ? Math.min(vocabRows, outputRows) : outputRows,
      request,
    });
  return {
    full: estimate(model.vocabSize),
    // The softmax of a language model whose matrices are tied reads every row, so none can be left out without another loss.
    reduced:
      request.reducedVocabSize === 0 || (isLanguageModeling(options.task) && isTied && !options.restrictedSoftmax)
        ? undefined
        : estimate(request.reducedVocabSize),
    batchSize: options.perDeviceTrainBatchSize,
    sequenceLength: request.sequenceLength,
    targetLength: request.targetLength,
    tiedEmbeddings: isTied,
    engineBytes: ENGINE_BYTES,
  };
}

/** Rows of an output matrix of its own as the folder has it: all of them, where its input side alone is reduced. */
function outputRowsOf(model: Model, checkpoint: Checkpoint, task: Task): number {
  const outputMatrixName = model.outputMatrixName(task);
  const names = outputMatrixName === undefined ? [] : model.checkpointNames(outputMatrixName);
  const name = names.find((candidate) => checkpoint.has(candidate));
  return (name === undefined ? undefined : checkpoint.get(name).shape[0]) ?? model.vocabSize;
}

async function withClosing<Value>(checkpoint: Checkpoint, read: () => Value): Promise<Value> {
  try {
    return read();
  } finally {
    await checkpoint.close();
  }
}

function estimateRows(asked: {
  model: Model;
  options: TrainingOptions;
  labelCount: number;
  vocabRows: number;
  outputRows: number;
  request: EstimateMemoryRequest;
}): MemoryEstimate {
  const { model, options, labelCount, vocabRows, outputRows, request } = asked;
  const program = buildTrainingProgram(model, {
    task: options.task,
    labelCount,
    vocabRows,
    outputRows,
    // Which row it is does not matter to the plan.
    paddingIndex: model.padTokenId === undefined ? undefined : 0,
    dropout: options.dropout,
    gradientCheckpointing: options.gradientCheckpointing,
    bf16: options.bf16,
    isAccumulating: options.gradientAccumulationSteps > 1,
    // Where the run will be is not known here; several devices are GPUs.
    otherDevices: otherDeviceNames(options.numDevices, 'gpu'),
    hasWeightDecay: options.weightDecay > 0,
    maxGradNorm: options.maxGradNorm,
    adamBeta1: options.adamBeta1,
    adamBeta2: options.adamBeta2,
    mlmProbability: options.mlmProbability,
  });
  const { sequenceLength, memoryLimitBytes } = request;
  const lengths: [number, number?] =
    request.targetLength === 0 ? [sequenceLength] : [sequenceLength, request.targetLength];
  const plan = program.planStep(options.perDeviceTrainBatchSize, ...lengths);
  const otherPlan = program.planOtherDevice(options.perDeviceTrainBatchSize, ...lengths);
  return {
    vocabRows,
    parameterCount: program.parameterCount,
    trainedParameterCount: program.trainedParameterCount,
    memory: { ...plan, embeddingBytes: program.embeddingTrainingBytes },
    otherDeviceMemory: otherPlan === undefined ? undefined : { ...otherPlan, embeddingBytes: 0 },
    largestBatchSize: memoryLimitBytes === 0 ? 0 : largestBatch(program, lengths, memoryLimitBytes),
  };
}

/** The largest batch whose planned peak fits, by bisection: the peak grows with the batch. */
function largestBatch(
  program: TrainingProgram,
  lengths: readonly [length: number, targetLength?: number],
  limitBytes: number,
): number {
  const fits = (batch: number): boolean => program.planStep(batch, ...lengths).peakBytes + ENGINE_BYTES <= limitBytes;
  let [low, high] = [0, 1];
  while (high <= MAX_BATCH_SIZE && fits(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return Math.min(low, MAX_BATCH_SIZE);
}
