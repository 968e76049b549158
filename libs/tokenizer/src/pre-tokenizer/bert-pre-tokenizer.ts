import type { AlignedText } from '../aligned-text.ts';
import { punctuation, whiteSpace } from '../unicode/character-classes.ts';
import { slices, type PreTokenizer } from './pre-tokenizer.ts';

/** Splits at white space, which is dropped, and around each punctuation character. */
export class BertPreTokenizer implements PreTokenizer {
  split(text: string): string[] {
    return slices(text, this.#rangesOf(text));
  }

  splitAligned(text: AlignedText): AlignedText[] {
    return slices(text, this.#rangesOf(text.text));
  }

  #rangesOf(text: string): number[] {
    const ranges: number[] = [];
    let start = 0;
    for (let index = 0; index < text.length;) {
      const codePoint = text.codePointAt(index) ?? 0;
      const size = codePoint > 0xffff ? 2 : 1;
      const isPunctuation = punctuation.has(codePoint);
      if (isPunctuation || whiteSpace.has(codePoint)) {
        if (start < index) ranges.push(start, index);
        if (isPunctuation) ranges.push(index, index + size);
        start = index + size;
      }
      index += size;
    }
    if (start < text.length) ranges.push(start, text.length);
    return ranges;
  }
}
