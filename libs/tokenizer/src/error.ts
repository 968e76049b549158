export type TokenizerErrorCode =
  'INVALID_JSON' | 'INVALID_TOKENIZER' | 'UNSUPPORTED_COMPONENT' | 'INVALID_OPTION' | 'INVALID_UTF8' | 'TOO_LARGE';

/** Thrown for a tokenizer file that cannot be read, or one with a component that is not supported. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError';
  readonly code: TokenizerErrorCode;
  constructor(code: TokenizerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
