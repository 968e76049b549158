/** Tokens as bytes in few large arrays: one small object for each would be work for the garbage collector. */
export interface TokenList {
  /** Bytes of all tokens, one after the other. */
  readonly bytes: Uint8Array;
  /** `[tokenCount + 1]`: where each token begins, and where the last one ends. */
  readonly offsets: Uint32Array;
  /** `[tokenCount]`. */
  readonly ids: Uint32Array;
}
