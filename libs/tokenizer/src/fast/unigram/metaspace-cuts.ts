import type { Normalizer } from '../../normalizer/normalizer.ts';
import { cutTable, type CutRule } from '../cut-rule.ts';

const [IS_SAFE, IS_UNSAFE] = [2, 4];
const SPACE = 0x20;

/**
 * Cuts before spaces, for Metaspace with its mark always before a text.
 *
 * Proof. Let x end in a character c that the normalizer turns into text that ends in a letter or another visible character,
 * and y begin with a space. Graphemes end before a space (but after the few characters that hold on to what follows, which
 * are not among c), so the character map works on x and y apart; in a grapheme that ends in c but begins before it no
 * entry matches a space, since such graphemes are letters only. Joining spaces does not reach over c. So the normalized
 * text is that of x and that of y one after the other, and the second begins with a space, where Metaspace begins a word;
 * standing alone it gets no other mark, as it has one. Words are tokenized one by one. Never inside of a word: runs of
 * unknown characters are joined there, and sums of scores would be rounded otherwise.
 *
 * Which c qualify is asked of the normalizer: ASCII that stays itself, and letters and digits for which it gives the
 * same alone as before a space.
 */
export function metaspaceCuts(normalizer: Normalizer | undefined): CutRule {
  const normalize = (text: string): string => normalizer?.normalize(text) ?? text;
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const isSafe = (character: string): boolean => {
    const normalized = normalize(character);
    return (
      VISIBLE_END.test(normalized) &&
      normalize(`${character} `) === `${normalized} ` &&
      [...segmenter.segment(`${character} `)].length === 2
    );
  };
  const isVisible = Array.from({ length: 128 }, (_, byte) => byte > SPACE && isSafe(String.fromCharCode(byte)));
  return {
    table: cutTable((previous, next) => {
      if (next !== SPACE) return 0;
      return previous >= 0x80 ? IS_SAFE : Number(isVisible[previous]);
    }),
    characterBits: new Uint8Array(0x110000),
    classify: (codePoint) => {
      const character = String.fromCodePoint(codePoint);
      return LETTER.test(character) && isSafe(character) ? IS_SAFE : IS_UNSAFE;
    },
    isolatesIdeographs: false,
    firstScope: 'none',
  };
}

const LETTER = /^[\p{L}\p{Nd}]$/u;
const VISIBLE_END = /[\p{L}\p{N}\x21-\x7e]$/u;
