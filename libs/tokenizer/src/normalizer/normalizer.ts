/** Turns text into the text that is split and looked up. */
export interface Normalizer {
  normalize(text: string): string;
}
