import type { BatchSizeSearch, MemoryBreakdown, RunResult } from '@pemmican/contract/trainer';
import type { TrainerState, TrainingOptions, TrainingProgram } from '@pemmican/training';
import { evaluationOf } from '../convert-evaluation.ts';
import type { RunFolder } from './run-folder.ts';
import { adaptedModuleCount } from './trained-output.ts';
import type { TrainingReporter } from './training-reporter.ts';

/** A run that has ended. */
export interface FinishedRun {
  readonly folder: RunFolder;
  readonly program: TrainingProgram;
  /** With the batch sizes that were trained with. */
  readonly options: TrainingOptions;
  readonly batchSizeSearch: BatchSizeSearch | undefined;
  readonly reporter: Pick<TrainingReporter, 'longestBatchTokens' | 'longestTargetTokens'>;
  readonly state: TrainerState;
  /** The checkpoint that became the trained model. */
  readonly chosenStep: number;
  readonly vocabRows: number;
  readonly processPeakBytes: number;
  readonly elapsedMs: number;
}

/** What a run came to. */
export function toRunResult(finished: FinishedRun): RunResult {
  const { folder, program, options, reporter, state, chosenStep } = finished;
  const [length, targetLength] = [reporter.longestBatchTokens, reporter.longestTargetTokens].map((tokens) =>
    Math.max(1, tokens),
  );
  const plan = program.planStep(options.perDeviceTrainBatchSize, length ?? 1, targetLength);
  const plannedMemory: MemoryBreakdown = { ...plan, embeddingBytes: program.embeddingTrainingBytes };
  const otherPlan = program.planOtherDevice(options.perDeviceTrainBatchSize, length ?? 1, targetLength);
  return {
    trainedModelUri: folder.path,
    checkpointUri: folder.checkpointPath(chosenStep),
    checkpointStep: chosenStep,
    finalLoss: state.lastLoss ?? NaN,
    evaluation: evaluationOf(state, chosenStep),
    initialEvaluation: evaluationOf(state, 0),
    processPeakBytes: finished.processPeakBytes,
    plannedMemory,
    vocabRows: finished.vocabRows,
    unusedRowDecayFactor: state.unusedRowDecayFactor,
    parameterCount: program.parameterCount,
    trainedParameterCount: program.trainedParameterCount,
    adaptedModuleCount: adaptedModuleCount(program),
    stepCount: state.step,
    tokenCount: state.trainedTokenCount,
    elapsedMs: finished.elapsedMs,
    longestBatchTokens: reporter.longestBatchTokens,
    perDeviceTrainBatchSize: options.perDeviceTrainBatchSize,
    gradientAccumulationSteps: options.gradientAccumulationSteps,
    batchSizeSearch: finished.batchSizeSearch,
    restrictedSoftmax: options.restrictedSoftmax,
    numDevices: options.numDevices,
    otherDeviceMemory: otherPlan === undefined ? undefined : { ...otherPlan, embeddingBytes: 0 },
  };
}
