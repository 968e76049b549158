/** Learning-rate schedules, named as transformers' SchedulerType. */
export const SCHEDULES = ['linear', 'cosine', 'constant', 'constant_with_warmup'] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** A schedule with its numbers filled in. */
export interface ScheduleOptions {
  readonly type: Schedule;
  readonly peakLearningRate: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * Learning rate of a step (transformers/optimization.py). Warm-up begins at 0, so the first step of a run with warm-up
 * changes nothing.
 * @param stepIndex from 0
 */
export function learningRateAt(schedule: ScheduleOptions, stepIndex: number): number {
  const { type, peakLearningRate, warmupSteps, totalSteps } = schedule;
  if (type === 'constant') return peakLearningRate;
  if (stepIndex < warmupSteps) return peakLearningRate * (stepIndex / Math.max(1, warmupSteps));
  if (type === 'constant_with_warmup') return peakLearningRate;
  const decaySteps = Math.max(1, totalSteps - warmupSteps);
  if (type === 'linear') return peakLearningRate * Math.max(0, (totalSteps - stepIndex) / decaySteps);
  const progress = (stepIndex - warmupSteps) / decaySteps;
  return peakLearningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/** Steps of warm-up: `warmupSteps` when positive, else `ceil(totalSteps * warmupRatio)`. */
export function resolveWarmupSteps(warmupSteps: number, warmupRatio: number, totalSteps: number): number {
  return warmupSteps > 0 ? warmupSteps : Math.ceil(totalSteps * warmupRatio);
}
