import type { EstimateMemoryRequest, EstimateMemoryResponse, MemoryEstimate } from '@pemmican/contract/trainer';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder, type HubOptions } from '@pemmican/storage';
import { buildTrainingProgram, type TrainingOptions, type TrainingProgram } from '@pemmican/training';
import { isLanguageModeling, parseModel, requireTask, type Model } from '@pemmican/models';
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
  const base = parseModel(config, `${folder.name}/config.json`);
  requireTask(base, options.task, folder.name);
  const checkpoint = await Checkpoint.open(folder);
  const headName = base.headWeightName(options.task);
  const headLabels = checkpoint.has(headName) ? (checkpoint.get(headName).shape[0] ?? 2) : 2;
  const labelCount = request.options?.labelNames.length || request.options?.numLabels || headLabels;
  const { model } = await withClosing(checkpoint, () =>
    modelToTrain(base, checkpoint, options, { labelCount, vocabRows: base.vocabSize }),
  );
  const estimate = (vocabRows: number): MemoryEstimate =>
    estimateRows({ model, options, labelCount, vocabRows, request });
  return {
    full: estimate(model.vocabSize),
    // A language model's softmax reads every row, so none can be left out.
    reduced:
      request.reducedVocabSize === 0 || isLanguageModeling(options.task)
        ? undefined
        : estimate(request.reducedVocabSize),
    batchSize: options.perDeviceTrainBatchSize,
    sequenceLength: request.sequenceLength,
    tiedEmbeddings: model.isTied(options.task),
    engineBytes: ENGINE_BYTES,
  };
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
  request: EstimateMemoryRequest;
}): MemoryEstimate {
  const { model, options, labelCount, vocabRows, request } = asked;
  const program = buildTrainingProgram(model, {
    task: options.task,
    labelCount,
    vocabRows,
    // Which row it is does not matter to the plan.
    paddingIndex: model.padTokenId === undefined ? undefined : 0,
    dropout: options.dropout,
    gradientCheckpointing: options.gradientCheckpointing,
    bf16: options.bf16,
    isAccumulating: options.gradientAccumulationSteps > 1,
    hasWeightDecay: options.weightDecay > 0,
    maxGradNorm: options.maxGradNorm,
    adamBeta1: options.adamBeta1,
    adamBeta2: options.adamBeta2,
    mlmProbability: options.mlmProbability,
  });
  const plan = program.planStep(options.perDeviceTrainBatchSize, request.sequenceLength);
  return {
    vocabRows,
    parameterCount: program.parameterCount,
    trainedParameterCount: program.trainedParameterCount,
    memory: { ...plan, embeddingBytes: program.embeddingTrainingBytes },
    largestBatchSize:
      request.memoryLimitBytes === 0 ? 0 : largestBatch(program, request.sequenceLength, request.memoryLimitBytes),
  };
}

/** The largest batch whose planned peak fits, by bisection: the peak grows with the batch. */
function largestBatch(program: TrainingProgram, length: number, limitBytes: number): number {
  const fits = (batch: number): boolean => program.planStep(batch, length).peakBytes + ENGINE_BYTES <= limitBytes;
  let [low, high] = [0, 1];
  while (high <= MAX_BATCH_SIZE && fits(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return Math.min(low, MAX_BATCH_SIZE);
}
