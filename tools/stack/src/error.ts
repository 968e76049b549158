/** What kept the stack from starting, or ended it. */
export type StackErrorCode = 'BAD_USAGE' | 'PORT_TAKEN' | 'DIRECTORY_IN_USE' | 'NOT_READY' | 'ENDED';

/** Thrown by every part of the stack; the message says what to do about it where something can be done. */
export class StackError extends Error {
  override readonly name = 'StackError';
  readonly code: StackErrorCode;
  constructor(code: StackErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
