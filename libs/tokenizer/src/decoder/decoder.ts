/** Makes text of tokens, which follow one another without anything between them. */
export type Decoder = (tokens: readonly string[]) => readonly string[];
