export type ImagesErrorCode =
  /** No Docker engine answers, and none can be started. */
  | 'NO_ENGINE'
  /** A package or a program could not be installed or is missing. */
  | 'MISSING_TOOL'
  /** `docker` ended with an error. */
  | 'DOCKER_FAILED'
  /** The repository or its installed packages are not as they have to be. */
  | 'MALFORMED'
  | 'USAGE';

/** What keeps images from being made, or their engine from running; the message says what can be done. */
export class ImagesError extends Error {
  override readonly name = 'ImagesError';
  readonly code: ImagesErrorCode;
  constructor(code: ImagesErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
