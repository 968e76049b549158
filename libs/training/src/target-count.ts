import { hasTargetSequence, type Task } from '@pemmican/models';
import { DEFAULT_TRAINING_OPTIONS } from './options.ts';

/**
 * Rows that a batch's loss is a mean over, at most: its records, or all tokens where these have classes, or all tokens of
 * targets where there are such; in language modeling all tokens but each row's first, or as many as chance hides in all but
 * one of some ten thousand batches.
 */
export function targetCountOf(
  task: Task,
  batch: number,
  length: number,
  mlmProbability: number = DEFAULT_TRAINING_OPTIONS.mlmProbability,
  targetLength?: number,
): number {
  if (hasTargetSequence(task)) {
    if (targetLength === undefined) throw new TypeError(`The length of targets is needed in ${task}`);
    return batch * targetLength;
  }
  const tokens = batch * length;
  if (task === 'token-classification') return tokens;
  if (task === 'causal-lm') return Math.max(1, batch * (length - 1));
  if (task !== 'masked-lm') return batch;
  const deviation = Math.sqrt(tokens * mlmProbability * (1 - mlmProbability));
  return Math.min(tokens, Math.ceil(tokens * mlmProbability + 4 * deviation));
}
