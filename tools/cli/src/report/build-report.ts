import type { EstimateMemoryResponse, RunResult } from '@pemmican/contract/trainer';
import type { SurgeryResult } from '@pemmican/contract/surgery';
import type { AnalysisResult } from '@pemmican/contract/vocabulary';

import packageManifest from '../../package.json' with { type: 'json' };
import { splitName } from '../output/evaluation.ts';
import type { KeptTokenIds } from '../stages/kept-token-ids.ts';
import type { TrainingLogData } from '../stages/training-log.ts';
import type {
  EvaluationReport,
  MeasuredMemoryReport,
  Report,
  SizesReport,
  StageTiming,
  VerificationReport,
  VocabularyReport,
} from './report.ts';
import { REPORT_VERSION } from './report.ts';

/** What the stages of a run have told. */
export interface ReportInputs {
  readonly command: string;
  readonly mode: 'reduced' | 'full';
  readonly model: string;
  readonly output: string;
  readonly inputsDigest: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly analysis: AnalysisResult | null;
  readonly kept: KeptTokenIds | null;
  readonly estimate: EstimateMemoryResponse | null;
  readonly reduction: SurgeryResult | null;
  readonly training: RunResult;
  readonly log: TrainingLogData;
  readonly verification: VerificationReport | null;
  readonly timings: readonly StageTiming[];
}

/** Puts together `report.json`. */
export function buildReport(inputs: ReportInputs): Report {
  const { training, log } = inputs;
  return {
    reportVersion: REPORT_VERSION,
    pemmicanVersion: packageManifest.version,
    createTime: new Date().toISOString(),
    command: inputs.command,
    mode: inputs.mode,
    model: inputs.model,
    output: inputs.output,
    inputsDigest: inputs.inputsDigest,
    options: inputs.options,
    vocabulary: vocabularyReport(inputs),
    sizes: sizesReport(inputs),
    estimate: inputs.estimate,
    measured: measuredReport(training, log),
    training: {
      vocabRows: training.vocabRows,
      parameterCount: training.parameterCount,
      trainedParameterCount: training.trainedParameterCount,
      perDeviceTrainBatchSize: training.perDeviceTrainBatchSize,
      gradientAccumulationSteps: training.gradientAccumulationSteps,
      numDevices: training.numDevices,
      batchSizeSearch: training.batchSizeSearch ?? null,
      restrictedSoftmax: training.restrictedSoftmax,
      adaptedModuleCount: training.adaptedModuleCount,
      stepCount: training.stepCount,
      tokenCount: training.tokenCount,
      finalLoss: training.finalLoss,
      checkpointStep: training.checkpointStep,
      longestBatchTokens: training.longestBatchTokens,
      elapsedMs: training.elapsedMs,
      restartCount: log.restartCount,
      plannedMemory: training.plannedMemory ?? null,
      otherDeviceMemory: training.otherDeviceMemory ?? null,
      steps: log.steps,
    },
    evaluation: evaluationReport(training, log),
    verification: inputs.verification,
    timings: inputs.timings,
  };
}

function vocabularyReport({ analysis, kept }: ReportInputs): VocabularyReport | null {
  if (analysis === null) {
    if (kept === null) return null;
    return {
      fullVocabSize: kept.fullVocabSize,
      reducedVocabSize: kept.keptTokenIds.length,
      hiddenSize: 0,
      keptTokenIds: kept.keptTokenIds,
      keptTokenIdsDigest: kept.keptTokenIdsDigest,
      tokenizerDigest: '',
      droppedTokenCount: 0,
      droppedOccurrenceCount: 0,
      splits: [],
      rankFrequency: [],
      coverage: [],
    };
  }
  return {
    fullVocabSize: analysis.fullVocabSize,
    reducedVocabSize: analysis.reducedVocabSize,
    hiddenSize: analysis.hiddenSize,
    keptTokenIds: kept?.keptTokenIds ?? [],
    keptTokenIdsDigest: analysis.keptTokenIdsDigest,
    tokenizerDigest: analysis.tokenizerDigest,
    droppedTokenCount: analysis.droppedTokenCount,
    droppedOccurrenceCount: analysis.droppedOccurrenceCount,
    splits: analysis.splits.map((usage) => ({ ...usage, split: splitName(usage.split) })),
    rankFrequency: analysis.rankFrequency,
    coverage: analysis.coverage,
  };
}

function sizesReport({ analysis, reduction }: ReportInputs): SizesReport | null {
  if (analysis === null || reduction === null) return null;
  return {
    fullVocabSize: reduction.fullVocabSize,
    reducedVocabSize: reduction.reducedVocabSize,
    fullCheckpointBytes: reduction.sourceBytes,
    reducedCheckpointBytes: reduction.outputBytes,
    fullEmbeddingTrainingBytes: analysis.fullEmbeddingTrainingBytes,
    reducedEmbeddingTrainingBytes: analysis.reducedEmbeddingTrainingBytes,
  };
}

function measuredReport(training: RunResult, log: TrainingLogData): MeasuredMemoryReport {
  const devicePeakBytes = Math.max(0, ...log.memory.map((sample) => sample.deviceUsedBytes ?? 0));
  return {
    source: log.memorySource,
    deviceName: log.deviceName,
    processPeakBytes: training.processPeakBytes,
    ...(devicePeakBytes > 0 ? { devicePeakBytes } : {}),
    phases: log.phases,
    samples: log.memory,
  };
}

function evaluationReport(training: RunResult, log: TrainingLogData): EvaluationReport {
  const all = [...log.evaluations].sort((a, b) => a.step - b.step || a.split - b.split);
  return {
    before: training.initialEvaluation ?? all.find((evaluation) => evaluation.step === 0) ?? null,
    after: training.evaluation ?? all.findLast((evaluation) => evaluation.step === training.checkpointStep) ?? null,
    all,
  };
}
