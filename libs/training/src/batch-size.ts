import type { TrainingOptions } from './options.ts';

/** How the records of a step are split into micro-batches. */
export type BatchSplit = Pick<TrainingOptions, 'perDeviceTrainBatchSize' | 'gradientAccumulationSteps'>;

/**
 * The splits that leave each step its records: the asked batch size, then half of it and so on down to 1, each with as many
 * more micro-batches. Where a half does not divide the asked size, the next smaller size that does stands in its place.
 */
export function batchSplits(asked: BatchSplit): BatchSplit[] {
  const { perDeviceTrainBatchSize: askedSize, gradientAccumulationSteps } = asked;
  const sizes = [askedSize];
  for (let size = askedSize; size > 1; sizes.push(size)) {
    size = Math.floor(size / 2);
    while (askedSize % size !== 0) size--;
  }
  return sizes.map((size) => ({
    perDeviceTrainBatchSize: size,
    gradientAccumulationSteps: gradientAccumulationSteps * (askedSize / size),
  }));
}

/** A split with the planned peak of its step. */
export interface PlannedSplit {
  readonly split: BatchSplit;
  readonly peakBytes: number;
}

/** What {@link findBatchSplit} came to. */
export interface BatchSplitSearch {
  /** The largest that fits; undefined where even a batch of one record does not. */
  readonly found: PlannedSplit | undefined;
  /** The smallest that does not fit; undefined where the asked one does. */
  readonly refused: PlannedSplit | undefined;
}

/**
 * The largest batch size, in halves of the asked one, whose step fits (transformers' `auto_find_batch_size`, which finds it
 * by running out of memory).
 * @param planPeakBytes planned peak of a step of this split
 */
export function findBatchSplit(
  asked: BatchSplit,
  limitBytes: number,
  planPeakBytes: (split: BatchSplit) => number,
): BatchSplitSearch {
  let refused: PlannedSplit | undefined;
  for (const split of batchSplits(asked)) {
    const planned = { split, peakBytes: planPeakBytes(split) };
    if (planned.peakBytes <= limitBytes) return { found: planned, refused };
    refused = planned;
  }
  return { found: undefined, refused };
}
