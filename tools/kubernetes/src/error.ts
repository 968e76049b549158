export type KubernetesErrorCode =
  /** A program or a file that the set-up makes is not there. */
  | 'NOT_SET_UP'
  /** helm or kubectl refused what it was given. */
  | 'REFUSED'
  /** A manifest cannot be read. */
  | 'MALFORMED'
  /** A program of the cluster could not be built or started. */
  | 'CLUSTER_FAILED'
  /** Something that the cluster should have done did not happen in time. */
  | 'TIMEOUT';

/** What keeps manifests from being made, or a cluster from running; the message says what can be done. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly code: KubernetesErrorCode;
  constructor(code: KubernetesErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
