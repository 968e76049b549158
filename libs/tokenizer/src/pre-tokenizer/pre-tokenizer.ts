import type { AlignedText } from '../aligned-text.ts';

/** Splits normalized text into the pieces that the model tokenizes one by one. */
export interface PreTokenizer {
  /** @param isFirst whether `text` is the beginning of the input (no added token before it) */
  split(text: string, isFirst: boolean): string[];
  /** The same pieces as {@link PreTokenizer.split}, with what each character of them came from. */
  splitAligned(text: AlignedText, isFirst: boolean): AlignedText[];
}

/**
 * A pre-tokenizer that cuts a text and changes nothing.
 * @param rangesOf starts and ends of a text's pieces, ascending
 */
export function cutting(rangesOf: (text: string) => readonly number[]): PreTokenizer {
  return {
    split: (text) => slices(text, rangesOf(text)),
    splitAligned: (text) => slices(text, rangesOf(text.text)),
  };
}

/** The parts of a text that ranges (starts and ends) name. */
export function slices(text: string, ranges: readonly number[]): string[];
export function slices(text: AlignedText, ranges: readonly number[]): AlignedText[];
export function slices(text: string | AlignedText, ranges: readonly number[]): (string | AlignedText)[] {
  const parts: (string | AlignedText)[] = [];
  for (let index = 0; index < ranges.length; index += 2)
    parts.push(text.slice(ranges[index] ?? 0, ranges[index + 1] ?? 0));
  return parts;
}
