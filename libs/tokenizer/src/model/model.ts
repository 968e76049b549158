/** Turns one piece of text into token ids. */
export interface Model {
  tokenize(piece: string): number[];
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unkTokenId: number | undefined;
}
