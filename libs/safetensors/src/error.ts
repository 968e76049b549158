/** What is wrong with a file; the first thirteen are named as in the reference implementation (safetensors/src/tensor.rs). */
export type SafetensorsErrorCode =
  | 'HeaderTooSmall'
  | 'HeaderTooLarge'
  | 'InvalidHeaderLength'
  | 'InvalidHeader'
  | 'InvalidHeaderStart'
  | 'InvalidHeaderDeserialization'
  | 'InvalidOffset'
  | 'InvalidTensorView'
  | 'TensorInvalidInfo'
  | 'TensorNotFound'
  | 'MetadataIncompleteBuffer'
  | 'ValidationOverflow'
  | 'MisalignedSlice'
  | 'InvalidIndex'
  | 'MissingFile'
  | 'UnsupportedDtype'
  | 'WrongLength';

/** Thrown for a file that is not a valid safetensors file, or one that lacks what is asked of it. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly code: SafetensorsErrorCode;
  /** The file at fault. */
  readonly fileName: string;
  constructor(code: SafetensorsErrorCode, fileName: string, message: string, options?: { cause?: unknown }) {
    super(`${fileName}: ${message}`, options);
    this.code = code;
    this.fileName = fileName;
  }
}
