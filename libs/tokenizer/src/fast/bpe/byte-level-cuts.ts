import { normalizeText } from '../../unicode/normalization.ts';
import { cutTable, type CutRule } from '../cut-rule.ts';
import { characterBits, LETTER, SPACE } from './character-bits.ts';
import type { SplitFamily } from './split-patterns.ts';

const NOT_SPACE = 2;
const ENDS_IN_LETTER = 4;

const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isPunctuation = (byte: number): boolean => byte > 0x20 && byte < 0x7f && !isLetter(byte) && !isDigit(byte);
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/**
 * Cuts before the pieces of a family's pattern, with no normalizer or with NFC.
 *
 * Proof. No pattern looks behind, so matching goes on from the end of a match as from the beginning of a text. A cut at p
 * is safe if a match must end at p, whatever is before it, and none that ends there looks past p. Only `\s+(?!\S)`
 * looks ahead, and only after white space; so after white space there is no cut, but where a newline ends `\s*[\r\n]+`,
 * which has precedence over it. A match must end
 * - between what is not white space and a space: a space is only ever first in a match, or after white space;
 * - between a letter and white space, a digit or ASCII punctuation: no match goes on from a letter with one of these, but
 *   o200k's contractions with an apostrophe;
 * - between a digit and what is neither a digit nor outside of ASCII: digits are only followed by digits;
 * - between punctuation and a digit; in gpt2 between punctuation and a letter, but for contractions;
 * - after a newline: `[\r\n]*` and `\s*[\r\n]+` take newlines as long as there are any (o200k's also slashes).
 * Digits one by one (`gpt2-digits`) are pieces whatever is beside them, and gpt2's pattern sees each part between them as a
 * text of its own: what is said of gpt2 holds within a part, and before and after a digit every cut is safe. Those between
 * digits and after white space are not made, so that a number with its space stays one chunk; nor, with NFC, those before
 * what is not ASCII.
 * But for these, the byte after each cut is ASCII, which composes with nothing before it, so NFC does not reach over a cut; but it may end
 * a letter in a mark, which is why a letter outside of ASCII is asked for the last character of its NFC.
 */
export function byteLevelCuts(family: SplitFamily, addsPrefixSpace: boolean, isNfc: boolean): CutRule {
  const apostrophe = 0x27;
  const slash = 0x2f;
  const isDigits = family === 'gpt2-digits';
  const isGpt2 = family === 'gpt2' || isDigits;
  const isO200k = family === 'o200k';
  const endsWord = (next: number): boolean => isPunctuation(next) && !(isO200k && next === apostrophe);
  const cutBetween = (previous: number, next: number): number => {
    if (isDigits && previous >= 0x80 && isDigit(next)) return NOT_SPACE;
    if (isDigits && isDigit(previous) && next >= 0x80) return isNfc ? 0 : 1;
    if (previous >= 0x80) return next === 0x20 ? NOT_SPACE : isSpace(next) || endsWord(next) ? ENDS_IN_LETTER : 0;
    let isCut = false;
    if (isLetter(previous)) isCut = isSpace(next) || isDigit(next) || endsWord(next);
    else if (isDigit(previous)) isCut = isSpace(next) || isLetter(next) || isPunctuation(next);
    else if (isPunctuation(previous))
      isCut = next === 0x20 || isDigit(next) || (isGpt2 && isLetter(next) && previous !== apostrophe);
    else if (previous === 0x0a && !isGpt2)
      isCut = isLetter(next) || isDigit(next) || (isPunctuation(next) && !(isO200k && next === slash));
    return isCut ? 1 : 0;
  };
  return {
    table: cutTable(cutBetween),
    characterBits: isNfc ? (nfcBits ??= cutBits(true)) : (plainBits ??= cutBits(false)),
    isolatesIdeographs: false,
    firstScope: addsPrefixSpace ? 'stretch' : 'none',
  };
}

let plainBits: Uint8Array | undefined;
let nfcBits: Uint8Array | undefined;

function cutBits(isNfc: boolean): Uint8Array {
  return characterBits().map((bits, codePoint) => {
    let last = bits;
    if (isNfc && (bits & LETTER) !== 0) {
      const normalized = normalizeText(String.fromCodePoint(codePoint), 'NFC');
      last = characterBits()[[...normalized].at(-1)?.codePointAt(0) ?? 0] ?? 0;
    }
    return ((bits & SPACE) === 0 ? NOT_SPACE : 0) | ((last & LETTER) !== 0 ? ENDS_IN_LETTER : 0);
  });
}
