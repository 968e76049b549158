export type ModelErrorCode =
  | 'UNSUPPORTED_MODEL'
  | 'UNSUPPORTED_TASK'
  | 'INVALID_CONFIG'
  | 'MISSING_TENSOR'
  | 'SHAPE_MISMATCH'
  | 'WRONG_DTYPE'
  | 'UNKNOWN_PARAMETER';

/** Thrown for a model that cannot be built from its config and checkpoint. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly code: ModelErrorCode;
  constructor(code: ModelErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
