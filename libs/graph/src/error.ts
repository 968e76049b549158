/** What a graph was refused for. */
export type GraphErrorCode =
  'SHAPE_MISMATCH' | 'DTYPE_MISMATCH' | 'INVALID_ARGUMENT' | 'NOT_DIFFERENTIABLE' | 'UNBOUND_SYMBOL';

/** Thrown while a graph is built or planned; nothing reaches the engine. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly code: GraphErrorCode;
  constructor(code: GraphErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
