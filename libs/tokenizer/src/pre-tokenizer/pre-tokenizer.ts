/** Splits normalized text into the pieces that the model tokenizes one by one. */
export interface PreTokenizer {
  /** @param isFirst whether `text` is the beginning of the input (no added token before it) */
  split(text: string, isFirst: boolean): string[];
}
