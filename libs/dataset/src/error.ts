export type DatasetErrorCode =
  | 'UNKNOWN_FORMAT'
  | 'MALFORMED'
  | 'INVALID_UTF8'
  | 'MISSING_COLUMN'
  | 'INVALID_TEXT'
  | 'MISSING_LABEL'
  | 'INVALID_LABEL'
  | 'INVALID_ANSWER'
  | 'EMPTY'
  | 'TOO_LARGE';

/** Thrown for a file whose records cannot be read as asked. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
  readonly code: DatasetErrorCode;
  readonly fileName: string;
  constructor(code: DatasetErrorCode, fileName: string, message: string, options?: { cause?: unknown }) {
    super(`${fileName}: ${message}`, options);
    this.code = code;
    this.fileName = fileName;
  }
}
