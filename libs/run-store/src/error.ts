export type RunStoreErrorCode =
  'NOT_FOUND' | 'REQUEST_ID_REUSED' | 'INVALID_PAGE_TOKEN' | 'INVALID_RESUME_TOKEN' | 'LOCKED' | 'FULL';

/** Thrown when the store cannot do what it is asked to. */
export class RunStoreError extends Error {
  override readonly name = 'RunStoreError';
  readonly code: RunStoreErrorCode;
  constructor(code: RunStoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
