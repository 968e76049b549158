/** Thrown when a model and its tokenizer are each readable but not what can be analyzed. */
export class PreconditionError extends Error {
  override readonly name = 'PreconditionError';
  /** UPPER_SNAKE reason of the ErrorInfo that clients get. */
  readonly reason: string;
  /** Its metadata: the file, the value, the limit. */
  readonly metadata: Readonly<Record<string, string>>;
  constructor(reason: string, message: string, metadata: Readonly<Record<string, string>>) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
  }
}
