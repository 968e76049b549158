import type { TrainingOptions } from './options.ts';
import { learningRateAt, resolveWarmupSteps, type ScheduleOptions } from './schedule.ts';

/** The numbers of a run that follow from its options and the size of its data. */
export interface RunPlan {
  /** Micro-batches an epoch; the last may be smaller. */
  readonly batchesPerEpoch: number;
  /** Optimizer steps an epoch; the last may have fewer micro-batches. */
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly schedule: ScheduleOptions;
}

/** Micro-batches that a step adds up, whether one device takes them one after the other or several at the same time. */
export function microBatchesPerStep(
  options: Pick<TrainingOptions, 'gradientAccumulationSteps' | 'numDevices'>,
): number {
  return options.gradientAccumulationSteps * options.numDevices;
}

/** Counts steps as transformers' Trainer does. */
export function planRun(options: TrainingOptions, recordCount: number): RunPlan {
  const batchesPerEpoch = Math.ceil(recordCount / options.perDeviceTrainBatchSize);
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / microBatchesPerStep(options));
  const totalSteps = options.maxSteps > 0 ? options.maxSteps : Math.ceil(stepsPerEpoch * options.numTrainEpochs);
  const scheduleSteps = options.schedulerTotalSteps > 0 ? options.schedulerTotalSteps : totalSteps;
  return {
    batchesPerEpoch,
    stepsPerEpoch,
    totalSteps,
    schedule: {
      type: options.lrSchedulerType,
      peakLearningRate: options.learningRate,
      warmupSteps: resolveWarmupSteps(options.warmupSteps, options.warmupRatio, scheduleSteps),
      totalSteps: scheduleSteps,
    },
  };
}

/** Where a step's micro-batches are in the data: a pure function of the step, so that a resumed run needs no more. */
export interface StepPosition {
  readonly epochIndex: number;
  /** First micro-batch of the step in its epoch. */
  readonly firstBatch: number;
  readonly batchCount: number;
  /** Passes over the data after the step, with fraction. */
  readonly epochAfter: number;
}

/**
 * @param batchesPerStep see {@link microBatchesPerStep}
 * @param stepIndex from 0
 */
export function stepPosition(plan: RunPlan, batchesPerStep: number, stepIndex: number): StepPosition {
  const epochIndex = Math.floor(stepIndex / plan.stepsPerEpoch);
  const firstBatch = (stepIndex % plan.stepsPerEpoch) * batchesPerStep;
  const batchCount = Math.min(batchesPerStep, plan.batchesPerEpoch - firstBatch);
  return {
    epochIndex,
    firstBatch,
    batchCount,
    epochAfter: epochIndex + (firstBatch + batchCount) / plan.batchesPerEpoch,
  };
}

/** Product of `1 - learningRate * weightDecay` over the first steps: what ordinary AdamW would have made of an unused row. */
export function unusedRowDecayFactor(plan: RunPlan, weightDecay: number, stepCount: number): number {
  let factor = 1;
  for (let stepIndex = 0; stepIndex < stepCount; stepIndex++)
    factor *= 1 - learningRateAt(plan.schedule, stepIndex) * weightDecay;
  return factor;
}
