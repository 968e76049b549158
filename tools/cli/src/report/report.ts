import type { BatchSizeSearch, EstimateMemoryResponse, Evaluation, MemoryBreakdown } from '@pemmican/contract/trainer';
import type { CoveragePoint, RankFrequencyPoint, SplitUsage } from '@pemmican/contract/vocabulary';

import type { MemoryPoint, PhaseRecord, StepPoint } from '../stages/training-log.ts';

/** Changes when a field changes its meaning. */
export const REPORT_VERSION = 1;

/** What of the vocabulary was kept. */
export interface VocabularyReport {
  readonly fullVocabSize: number;
  /** Rows that were trained, padding included. */
  readonly reducedVocabSize: number;
  readonly hiddenSize: number;
  /** Full token ids of the kept rows, ascending. */
  readonly keptTokenIds: readonly number[];
  /** SHA-256 of the kept full token ids as little-endian 32-bit integers: `sha256:<hex>`. */
  readonly keptTokenIdsDigest: string;
  readonly tokenizerDigest: string;
  readonly droppedTokenCount: number;
  readonly droppedOccurrenceCount: number;
  readonly splits: readonly (Omit<SplitUsage, 'split'> & { readonly split: string })[];
  readonly rankFrequency: readonly RankFrequencyPoint[];
  readonly coverage: readonly CoveragePoint[];
}

/** Bytes of the checkpoints' tensors, full and reduced. */
export interface SizesReport {
  readonly fullVocabSize: number;
  readonly reducedVocabSize: number;
  readonly fullCheckpointBytes: number;
  readonly reducedCheckpointBytes: number;
  readonly fullEmbeddingTrainingBytes: number;
  readonly reducedEmbeddingTrainingBytes: number;
}

/** Memory as it was measured. */
export interface MeasuredMemoryReport {
  /** `HOST`: resident bytes of the run's process; `NVML`: a GPU's. */
  readonly source: 'NVML' | 'HOST' | '';
  readonly deviceName: string;
  /** Largest resident bytes of the run's process. */
  readonly processPeakBytes: number;
  /** Largest use of the GPU; left out on a CPU. */
  readonly devicePeakBytes?: number;
  readonly phases: readonly PhaseRecord[];
  readonly samples: readonly MemoryPoint[];
}

/** What training did. */
export interface TrainingReport {
  readonly vocabRows: number;
  readonly parameterCount: number;
  /** The others were frozen. */
  readonly trainedParameterCount: number;
  /** Records of a micro-batch. */
  readonly perDeviceTrainBatchSize: number;
  /** Micro-batches of a step, on each device. */
  readonly gradientAccumulationSteps: number;
  /** Devices that took micro-batches at the same time. */
  readonly numDevices: number;
  /** How `--auto-find-batch-size` came to these. */
  readonly batchSizeSearch: BatchSizeSearch | null;
  /** Whether the softmax ran over the kept rows only: losses are not those of the full vocabulary. */
  readonly restrictedSoftmax: boolean;
  /** Linear maps with an adapter; 0 where the model itself was trained. */
  readonly adaptedModuleCount: number;
  readonly stepCount: number;
  readonly tokenCount: number;
  readonly finalLoss: number;
  readonly checkpointStep: number;
  readonly longestBatchTokens: number;
  readonly elapsedMs: number;
  readonly restartCount: number;
  /** Memory of a step as the run's own graph plans it. */
  readonly plannedMemory: MemoryBreakdown | null;
  /** The same of each device beside the first. */
  readonly otherDeviceMemory: MemoryBreakdown | null;
  /** Steps, thinned out where there are more than a plot can show; all of them are in metrics.jsonl. */
  readonly steps: readonly StepPoint[];
}

/** Scores before, during and after. */
export interface EvaluationReport {
  readonly before: Evaluation | null;
  readonly after: Evaluation | null;
  readonly all: readonly Evaluation[];
}

/** Whether what a run leaves predicts, with every row, what was trained with the kept ones. */
export interface VerificationReport {
  /** An adapter is left as it was trained, to be used on the full model. */
  readonly subject: 'checkpoint' | 'adapter';
  readonly recordCount: number;
  readonly maxAbsoluteDifference: number;
  /** Factor that unused rows were multiplied by; 1 when they are byte-identical to the source. */
  readonly unusedRowFactor: number;
}

/** How long a stage took. */
export interface StageTiming {
  readonly stage: string;
  readonly elapsedMs: number;
  /** Whether an interrupted run had done it already. */
  readonly isReused: boolean;
}

/** `report.json` */
export interface Report {
  readonly reportVersion: typeof REPORT_VERSION;
  readonly pemmicanVersion: string;
  readonly createTime: string;
  readonly command: string;
  readonly mode: 'reduced' | 'full';
  readonly model: string;
  readonly output: string;
  /** Digest of everything that the result depends on. */
  readonly inputsDigest: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly vocabulary: VocabularyReport | null;
  readonly sizes: SizesReport | null;
  readonly estimate: EstimateMemoryResponse | null;
  readonly measured: MeasuredMemoryReport;
  readonly training: TrainingReport;
  readonly evaluation: EvaluationReport;
  readonly verification: VerificationReport | null;
  readonly timings: readonly StageTiming[];
}
