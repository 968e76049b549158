/** Turns one piece of text into token ids. */
export interface Model {
  tokenize(piece: string): number[];
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Tokens of the model, those that a file has twice counted twice. */
  readonly size: number;
  readonly unkTokenId: number | undefined;
}
