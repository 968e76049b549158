import type { TaskName } from './training-options.ts';

/** What says how long sequences may be. */
export interface SequenceLengthOptions {
  readonly task: TaskName;
  readonly maxSeqLength?: number;
  /** Its other name where records have a target. */
  readonly maxSourceLength?: number;
}

/** Longest sequence in tokens, by the task where it is not given. */
export function maxSequenceLengthOf({ task, maxSeqLength, maxSourceLength }: SequenceLengthOptions): number {
  return maxSourceLength ?? maxSeqLength ?? (task === 'question-answering' ? 384 : 128);
}
