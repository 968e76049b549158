/** What keeps a checkpoint from being reduced or restored. */
export type EmbeddingErrorCode =
  | 'UNSUPPORTED_MODEL'
  | 'INVALID_CONFIG'
  | 'MISSING_FILE'
  | 'MISSING_TENSOR'
  | 'SHAPE_MISMATCH'
  | 'UNSUPPORTED_DTYPE'
  | 'PAD_TOKEN_MOVED'
  | 'MANIFEST_MISMATCH'
  | 'INVALID_OPTION';

/** Thrown before anything is written, or after everything written has been removed. */
export class EmbeddingError extends Error {
  override readonly name = 'EmbeddingError';
  readonly code: EmbeddingErrorCode;
  /** The file or folder at fault. */
  readonly path: string;

  constructor(code: EmbeddingErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.code = code;
    this.path = path;
  }
}
