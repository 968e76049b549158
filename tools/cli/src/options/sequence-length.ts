import type { TaskName } from './training-options.ts';

/** What says how long sequences may be. */
export interface SequenceLengthOptions {
  readonly task: TaskName;
  readonly maxSeqLength?: number;
}

/** Longest sequence in tokens, by the task where it is not given. */
export function maxSequenceLengthOf({ task, maxSeqLength }: SequenceLengthOptions): number {
  return maxSeqLength ?? (task === 'question-answering' ? 384 : 128);
}
