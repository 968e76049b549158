/** Element types that cross the border between TypeScript and a graph session. */
export const TENSOR_VALUE_DTYPES = ['float32', 'int32'] as const;
export type TensorValueDtype = (typeof TENSOR_VALUE_DTYPES)[number];

/** A dense, row-major host tensor. */
export type TensorValue =
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array };

/**
 * Something that runs a graph: feeds by node name in, fetches by node name out. Variables live inside the session.
 * `run` is synchronous because the engine's call is: it blocks the thread for the whole step (the reason why a trainer
 * run has a process of its own).
 */
export interface GraphSession {
  /**
   * @param feeds placeholder node name to value
   * @param fetches node names (output 0)
   * @returns one value per fetch, in order
   * @throws Error with the engine's message, e.g. "OOM when allocating tensor with shape[...]"
   */
  run(feeds: Readonly<Record<string, TensorValue>>, fetches: readonly string[]): TensorValue[];
  /** Frees the session and its variables. */
  dispose(): void;
}
