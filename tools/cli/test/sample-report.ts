import { EstimateMemoryResponse } from '@pemmican/contract/trainer';
import { Evaluation, MemoryBreakdown } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';

import type { Report } from '../src/report/report.ts';

const MB = 1e6;

function breakdown(weight: number, activation: number, workspace: number, embedding: number): MemoryBreakdown {
  const memory = {
    weightBytes: weight,
    gradientBytes: weight,
    optimizerBytes: 2 * weight,
    activationBytes: activation,
    workspaceBytes: workspace,
  };
  const peakBytes = Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
  return MemoryBreakdown.fromPartial({ ...memory, peakBytes, embeddingBytes: embedding });
}

function evaluation(step: number, epoch: number, loss: number, accuracy: number): Evaluation {
  return Evaluation.fromPartial({
    step,
    epoch,
    loss,
    accuracy,
    f1: accuracy - 0.01,
    recordCount: 1000,
    split: Split.VALIDATION,
  });
}

/** A report with the shape and the size of the demo's. */
export function sampleReport(): Report {
  const stepCount = 189;
  const evaluations = [
    evaluation(0, 0, 0.694, 0.5),
    evaluation(63, 1, 0.58, 0.742),
    evaluation(126, 2, 0.45, 0.803),
    evaluation(189, 3, 0.431, 0.812),
  ];
  return {
    reportVersion: 1,
    pemmicanVersion: '0.1.0',
    createTime: '2026-11-24T12:00:00.000Z',
    command:
      'pemmican run --model ./multilingual-e5-small --train-file amazon.json --validation-file imdb.json --output ./out',
    mode: 'reduced',
    model: '/models/multilingual-e5-small',
    output: '/out',
    inputsDigest: 'sha256:00',
    options: {
      task: 'sequence-classification',
      numTrainEpochs: 3,
      learningRate: 5e-5,
      seed: 42,
      gradientCheckpointing: false,
    },
    vocabulary: {
      fullVocabSize: 250_037,
      reducedVocabSize: 3016,
      hiddenSize: 384,
      keptTokenIds: [0, 1, 2, 3],
      keptTokenIdsDigest: 'sha256:11',
      tokenizerDigest: 'sha256:22',
      droppedTokenCount: 0,
      droppedOccurrenceCount: 0,
      splits: ['train', 'validation'].map((split) => ({
        split,
        recordCount: 1000,
        skippedRecordCount: 1,
        tokenCount: 18_231,
        distinctTokenCount: 2411,
        addedTokenCount: 2411,
        truncatedRecordCount: 2,
        tokensPerRecordP50: 14,
        tokensPerRecordP90: 27,
        tokensPerRecordP99: 39,
        tokensPerRecordMax: 128,
        tokensPerTargetMax: 0,
      })),
      rankFrequency: Array.from({ length: 60 }, (_, index) => {
        const rank = Math.round(Math.exp((index / 59) * Math.log(3016)));
        return { rank, count: Math.max(1, Math.round(4000 / rank ** 1.05)) };
      }),
      coverage: Array.from({ length: 60 }, (_, index) => {
        const tokenCount = Math.round(Math.exp((index / 59) * Math.log(3016)));
        return { tokenCount, coverage: Math.min(1, 0.08 + (0.92 * Math.log(tokenCount)) / Math.log(3016)) };
      }),
    },
    sizes: {
      fullVocabSize: 250_037,
      reducedVocabSize: 3016,
      fullCheckpointBytes: 470 * MB,
      reducedCheckpointBytes: 90 * MB,
      fullEmbeddingTrainingBytes: 1536 * MB,
      reducedEmbeddingTrainingBytes: 18 * MB,
    },
    estimate: EstimateMemoryResponse.fromPartial({
      full: {
        vocabRows: 250_037,
        parameterCount: 117_000_000,
        memory: breakdown(470 * MB, 830 * MB, 96 * MB, 1536 * MB),
      },
      reduced: { vocabRows: 3016, parameterCount: 22_000_000, memory: breakdown(90 * MB, 830 * MB, 20 * MB, 18 * MB) },
      batchSize: 16,
      sequenceLength: 128,
      engineBytes: 310 * MB,
    }),
    measured: {
      source: 'HOST',
      deviceName: 'host',
      processPeakBytes: 1480 * MB,
      phases: [
        { phase: 'load', startMs: 0, peakBytes: 400 * MB },
        { phase: 'tokenize', startMs: 1500, peakBytes: 420 * MB },
        { phase: 'build-graph', startMs: 2200, peakBytes: 600 * MB },
        { phase: 'evaluate', startMs: 6000, peakBytes: 900 * MB },
        { phase: 'train', startMs: 18_000, peakBytes: 1450 * MB },
        { phase: 'evaluate', startMs: 60_000, peakBytes: 1470 * MB },
        { phase: 'train', startMs: 70_000, peakBytes: 1480 * MB },
        { phase: 'evaluate', startMs: 118_000, peakBytes: 1480 * MB },
        { phase: 'export', startMs: 128_000, peakBytes: 1480 * MB },
      ],
      samples: Array.from({ length: 260 }, (_, index) => ({
        timeMs: index * 500,
        processBytes: (index < 12 ? 200 + index * 40 : 900 + 300 * Math.abs(Math.sin(index / 9))) * MB,
      })),
    },
    training: {
      vocabRows: 3016,
      parameterCount: 22_000_000,
      trainedParameterCount: 22_000_000,
      perDeviceTrainBatchSize: 16,
      gradientAccumulationSteps: 1,
      numDevices: 1,
      otherDeviceMemory: null,
      batchSizeSearch: null,
      restrictedSoftmax: false,
      adaptedModuleCount: 0,
      stepCount,
      tokenCount: 54_693,
      finalLoss: 0.31,
      checkpointStep: 126,
      longestBatchTokens: 64,
      elapsedMs: 131_000,
      restartCount: 0,
      plannedMemory: null,
      steps: Array.from({ length: stepCount }, (_, index) => ({
        step: index + 1,
        epoch: (index + 1) / 63,
        loss: 0.7 * Math.exp(-index / 120) + 0.12 * Math.sin(index * 1.7) ** 2,
        gradNorm: 2,
        learningRate: 5e-5,
        elapsedMs: 640,
        tokenCount: 300,
      })),
    },
    evaluation: { before: evaluations[0] ?? null, after: evaluations.at(-1) ?? null, all: evaluations },
    verification: { subject: 'checkpoint', recordCount: 64, maxAbsoluteDifference: 0, unusedRowFactor: 1 },
    timings: [
      { stage: 'analyze', elapsedMs: 1200, isReused: false },
      { stage: 'estimate', elapsedMs: 900, isReused: false },
      { stage: 'reduce', elapsedMs: 700, isReused: false },
      { stage: 'train', elapsedMs: 131_000, isReused: false },
      { stage: 'restore', elapsedMs: 2100, isReused: false },
    ],
  };
}
