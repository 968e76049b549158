import type { EstimateMemoryResponse } from '@pemmican/contract/trainer';

/** What the reduction saves of a training step's memory, as planned. */
export interface SavedMemory {
  readonly fullBytes: number;
  readonly reducedBytes: number;
  readonly savedBytes: number;
  /** `savedBytes / fullBytes`, from 0 to 1. */
  readonly share: number;
}

/** Compares the two plans of an estimate; undefined where one of them is missing. */
export function trainingMemorySaved(estimate: EstimateMemoryResponse | null): SavedMemory | undefined {
  const fullBytes = estimate?.full?.memory?.peakBytes;
  const reducedBytes = estimate?.reduced?.memory?.peakBytes;
  if (fullBytes === undefined || reducedBytes === undefined || fullBytes === 0) return undefined;
  const savedBytes = fullBytes - reducedBytes;
  return { fullBytes, reducedBytes, savedBytes, share: savedBytes / fullBytes };
}
