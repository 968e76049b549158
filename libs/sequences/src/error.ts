export type SequenceErrorCode =
  | 'TEMPLATE_MISSING'
  | 'INVALID_TEMPLATE'
  | 'TEMPLATE_TOO_LARGE'
  | 'RENDERING_FAILED'
  | 'RENDERING_TOO_LARGE'
  | 'ASSISTANT_TOKENS_UNKNOWN'
  | 'EOS_TOKEN_MISSING';

/** Thrown for a chat template or a tokenizer with which records cannot become sequences as asked. */
export class SequenceError extends Error {
  override readonly name = 'SequenceError';
  readonly code: SequenceErrorCode;
  constructor(code: SequenceErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
