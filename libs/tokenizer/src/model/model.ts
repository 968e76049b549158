/** A token with its place in the piece, in bytes of UTF-8 as the reference library counts them. */
export interface PlacedToken {
  readonly id: number;
  readonly startByte: number;
  readonly endByte: number;
}

/** Turns one piece of text into token ids. */
export interface Model {
  tokenize(piece: string): number[];
  /** The tokens of {@link Model.tokenize} with their places. */
  tokenizeWithPlaces(piece: string): PlacedToken[];
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Tokens of the model, those that a file has twice counted twice. */
  readonly size: number;
  readonly unkTokenId: number | undefined;
}
