export type VocabularyErrorCode =
  | 'INVALID_TOKEN_IDS'
  | 'TOKEN_NOT_KEPT'
  | 'INVALID_MANIFEST'
  | 'INVALID_PROFILE'
  | 'PROFILE_MISMATCH'
  | 'TOKENIZER_TOO_LARGE'
  | 'INVALID_OPTION'
  | 'INVALID_TOKENIZER'
  | 'UNSUPPORTED_TOKENIZER';

/** Thrown for token ids, manifests and profiles that are not as they must be. */
export class VocabularyError extends Error {
  override readonly name = 'VocabularyError';
  readonly code: VocabularyErrorCode;
  constructor(code: VocabularyErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
