/** In place of the label of a token that is not predicted: torch's cross-entropy leaves it out. */
export const NOT_PREDICTED = -100;

/** Tokens that a model reads at once. */
export interface TokenSequence {
  /** Full token ids. */
  readonly ids: Uint32Array;
  readonly typeIds: Uint8Array;
  /** By token its id, {@link NOT_PREDICTED} where it is only read; undefined where all are predicted. */
  readonly labels: Int32Array | undefined;
}

/** Whether a token of the sequence predicts another: the first one is predicted by none. */
export function predictsSomething({ ids, labels }: TokenSequence): boolean {
  if (labels === undefined) return ids.length > 1;
  return labels.subarray(1).some((label) => label !== NOT_PREDICTED);
}
