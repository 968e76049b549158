import { punctuation, whiteSpace } from '../unicode/character-classes.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';

/** Splits at white space, which is dropped, and around each punctuation character. */
export class BertPreTokenizer implements PreTokenizer {
  split(text: string): string[] {
    const pieces: string[] = [];
    let start = 0;
    for (let index = 0; index < text.length;) {
      const codePoint = text.codePointAt(index) ?? 0;
      const size = codePoint > 0xffff ? 2 : 1;
      const isPunctuation = punctuation.has(codePoint);
      if (isPunctuation || whiteSpace.has(codePoint)) {
        if (start < index) pieces.push(text.slice(start, index));
        if (isPunctuation) pieces.push(text.slice(index, index + size));
        start = index + size;
      }
      index += size;
    }
    if (start < text.length) pieces.push(text.slice(start));
    return pieces;
  }
}

/** Splits at white space, which is dropped. */
export class WhitespaceSplit implements PreTokenizer {
  split(text: string): string[] {
    const pieces: string[] = [];
    let piece = '';
    for (const character of text) {
      if (!whiteSpace.has(character.codePointAt(0) ?? 0)) piece += character;
      else if (piece !== '') {
        pieces.push(piece);
        piece = '';
      }
    }
    return piece === '' ? pieces : [...pieces, piece];
  }
}
