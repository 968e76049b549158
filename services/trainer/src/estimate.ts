import type { EstimateMemoryRequest, EstimateMemoryResponse, MemoryEstimate } from '@pemmican/contract/trainer';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder, type HubOptions } from '@pemmican/storage';
import { buildTrainingProgram, type TrainingOptions, type TrainingProgram } from '@pemmican/training';
import { isLanguageModeling, parseModel, requireTask, tiedAsIn, type Model } from '@pemmican/models';
import { toTrainingOptions } from './convert-options.ts';
import { readModelConfig } from './model-config.ts';
import { modelToTrain } from './model-to-train.ts';

const MAX_BATCH_SIZE = 65_536;

/**
 * Resident bytes of a run's process with the engine loaded and nothing in it: Node, mapped libraries, thread pools.
 * Measured with `tools/benchmarks/src/engine-idle.ts`; it comes on top of what the plan counts.
 */
const ENGINE_BYTES = 400_000_000;

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
    targetLength: request.targetLength,
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
    paddingIndex: undefined,
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
  const { sequenceLength, memoryLimitBytes } = request;
  const lengths: [number, number?] =
    request.targetLength === 0 ? [sequenceLength] : [sequenceLength, request.targetLength];
  const plan = program.planStep(options.perDeviceTrainBatchSize, ...lengths);
  return {
    vocabRows,
    parameterCount: program.parameterCount,
    trainedParameterCount: program.trainedParameterCount,
    memory: { ...plan, embeddingBytes: program.embeddingTrainingBytes },
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
