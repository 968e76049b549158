/** An error without its class, which does not come through to another thread. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** The fields that say what is wrong; see the libraries' error classes. */
  readonly code?: string;
  readonly path?: string;
  readonly fileName?: string;
  readonly reason?: string;
  readonly retryDelayMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined };
  const fields = error as Partial<PlainError>;
  const text = (field: 'code' | 'path' | 'fileName' | 'reason'): Record<string, string> =>
    typeof fields[field] === 'string' ? { [field]: fields[field] } : {};
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    ...text('code'),
    ...text('path'),
    ...text('fileName'),
    ...text('reason'),
    ...(typeof fields.retryDelayMs === 'number' ? { retryDelayMs: fields.retryDelayMs } : {}),
    ...(fields.metadata === undefined ? {} : { metadata: fields.metadata }),
  };
}

/** The error again, as far as rules for statuses look at it: by name and fields. */
export function fromPlainError(error: PlainError): Error {
  return Object.assign(new Error(error.message), error);
}
