import type { EstimateMemoryResponse, TrainingOptions } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';
import type { AnalysisResult } from '@pemmican/contract/vocabulary';

import { toServiceLocation } from '../options/location.ts';
import { formatBytes } from '../output/units.ts';
import { startProgress } from '../progress/progress.ts';
import { callUnary } from '../services/call.ts';
import type { StageContext } from './stage.ts';

/** Building the graph of a large model and searching the largest batch takes its time. */
const ESTIMATE_DEADLINE_MS = 300_000;

/** What an estimate is made of. */
export interface EstimateInputs {
  readonly model: string;
  readonly analysis: AnalysisResult;
  readonly options: TrainingOptions;
  /** Longest sequence, or longest source where records have a target. */
  readonly maxSeqLength: number;
  /** Longest target; 0 where records have none. */
  readonly maxTargetLength: number;
  readonly memoryLimitBytes: number;
}

/** Asks for the memory of a training step with every row and with the kept rows. */
export async function estimateStage(inputs: EstimateInputs, context: StageContext): Promise<EstimateMemoryResponse> {
  const { trainer } = context.pool;
  const progress = startProgress('Estimate', context.output);
  try {
    const request = {
      modelUri: toServiceLocation(inputs.model),
      options: inputs.options,
      reducedVocabSize: inputs.analysis.reducedVocabSize,
      sequenceLength: longestSequence(inputs.analysis, inputs.maxSeqLength),
      targetLength: longestTarget(inputs.analysis, inputs.maxTargetLength),
      memoryLimitBytes: inputs.memoryLimitBytes,
    };
    const response = await callUnary('trainer', trainer.estimateMemory.bind(trainer), request, {
      deadlineMs: ESTIMATE_DEADLINE_MS,
      signal: context.interrupt.signal,
    });
    const full = formatBytes(response.full?.memory?.peakBytes ?? Number.NaN);
    const reduced = response.reduced?.memory?.peakBytes;
    progress.succeed(`training takes ${reduced === undefined ? full : `${formatBytes(reduced)} in place of ${full}`}`);
    return response;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

/**
 * Tokens of the longest padded batch: batches are padded to their longest record, so the longest training record decides
 * the peak.
 */
export function longestSequence(analysis: AnalysisResult, maxSeqLength: number): number {
  const train = analysis.splits.find((usage) => usage.split === Split.TRAIN);
  const longest = train?.tokensPerRecordMax ?? 0;
  return longest > 0 ? Math.min(longest, maxSeqLength) : maxSeqLength;
}

/** The same of targets. */
export function longestTarget(analysis: AnalysisResult, maxTargetLength: number): number {
  const train = analysis.splits.find((usage) => usage.split === Split.TRAIN);
  const longest = train?.tokensPerTargetMax ?? 0;
  return longest > 0 ? Math.min(longest, maxTargetLength) : maxTargetLength;
}
