import type { AlignedText } from '../aligned-text.ts';

/** Turns text into the text that is split and looked up. */
export interface Normalizer {
  normalize(text: string): string;
  /** The same text as {@link Normalizer.normalize}, with what each character of it came from. */
  align(text: AlignedText): AlignedText;
}
