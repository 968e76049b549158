import { MemoryLimitSource } from '@pemmican/contract/trainer';

import { formatBytes, formatCount } from '../output/units.ts';

import type { TrainingReport } from './report.ts';

const LIMIT_NAMES: Readonly<Record<MemoryLimitSource, string>> = {
  [MemoryLimitSource.UNSPECIFIED]: 'limit',
  [MemoryLimitSource.MEMORY_BUDGET]: '--memory-budget',
  [MemoryLimitSource.PROCESS_MEMORY]: '--memory',
  [MemoryLimitSource.FREE_MEMORY]: 'free memory',
};

/** How the batch size was found, as a sentence after others; empty where it was given. */
export function describeBatchSize(training: TrainingReport): string {
  const { batchSizeSearch: search, perDeviceTrainBatchSize: size, gradientAccumulationSteps } = training;
  if (search === null) return '';
  const planned = `planned at ${formatBytes(search.plannedPeakBytes)}`;
  if (search.isResumed) return ` Micro-batches of ${formatCount(size)} records, as the run began with, ${planned}.`;
  const limit = `${formatBytes(search.tensorLimitBytes)} that ${LIMIT_NAMES[search.limitSource]} (${formatBytes(search.limitBytes)}) leaves to tensors`;
  if (search.refusedBatchSize === 0)
    return ` Micro-batches of ${formatCount(size)} records as asked for, ${planned}, fit the ${limit}.`;
  return (
    ` Micro-batches of ${formatCount(size)} records in place of ${formatCount(search.askedBatchSize)}, ${formatCount(gradientAccumulationSteps)} a step, ${planned}:` +
    ` ${formatCount(search.refusedBatchSize)} would take ${formatBytes(search.refusedPeakBytes)}, more than the ${limit}.`
  );
}
