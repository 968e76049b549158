/** Thrown when model, tokenizer, map and data are each readable but do not fit together. */
export class PreconditionError extends Error {
  override readonly name = 'PreconditionError';
  /** UPPER_SNAKE reason of the ErrorInfo that clients get. */
  readonly reason: string;
  constructor(reason: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
