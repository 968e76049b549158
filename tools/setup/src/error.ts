/** What kept a set-up from finishing. */
export type SetupErrorCode =
  'MISSING_TOOL' | 'DOWNLOAD_FAILED' | 'DIGEST_MISMATCH' | 'MALFORMED' | 'NO_SPACE' | 'BUILD_FAILED' | 'UNKNOWN_ASSET';

/** Thrown by every part of the set-up; the message says what to do about it where something can be done. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly code: SetupErrorCode;
  constructor(code: SetupErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
