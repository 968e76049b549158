export type TrainingErrorCode =
  | 'INVALID_OPTION'
  | 'INVALID_DATA'
  | 'NON_FINITE_LOSS'
  | 'CHECKPOINT_MISMATCH'
  | 'INVALID_CHECKPOINT'
  | 'NO_CHECKPOINT'
  | 'NO_HEAD';

/** Thrown when a run cannot start, go on or be resumed. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
  readonly code: TrainingErrorCode;
  constructor(code: TrainingErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
