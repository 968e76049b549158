import { punctuation, whiteSpace } from '../../unicode/character-classes.ts';
import { cutTable, type CutRule } from '../cut-rule.ts';

/**
 * Cuts for BertPreTokenizer after BertNormalizer or none.
 *
 * Proof. A cut is made before ASCII white space, before and after ASCII punctuation, and around ideographs. The normalizer
 * maps each character by itself, but for canonical order, which moves marks only behind one another: all these characters
 * are starters, so a mark never crosses one, and what follows a cut begins a run of marks anew only where the run
 * before it has ended. White space stays white space or, outside of the text, is removed at the word's end; punctuation
 * stays as it is; an ideograph that BertNormalizer separates stands between spaces before accents are looked at. So
 * words end at every cut, and the model sees words only.
 */
function cutBetween(previous: number, next: number): number {
  const isCut = isAsciiSpace(next) || isAsciiPunctuation(next) || isAsciiPunctuation(previous);
  return isCut ? 1 : 0;
}

// Not the controls among white space: BertNormalizer removes them before it looks for white space.
const isAsciiSpace = (byte: number): boolean =>
  whiteSpace.has(byte) && (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
const isAsciiPunctuation = (byte: number): boolean => byte < 0x80 && punctuation.has(byte);

/** Without separated ideographs. */
export const BERT_CUTS_WITHOUT_IDEOGRAPHS: CutRule = {
  table: cutTable(cutBetween),
  characterBits: undefined,
  isolatesIdeographs: false,
  firstScope: 'none',
};

// Characters that begin with these bytes are U+5000 to U+9FFF.
const isIdeographLead = (byte: number): boolean => byte >= 0xe5 && byte <= 0xe9;

/** With them: all from U+5000 to U+9FFF are CJK Unified Ideographs, which BertNormalizer puts spaces around. */
export const BERT_CUTS: CutRule = {
  table: cutTable((previous, next) => (isIdeographLead(next) ? 1 : cutBetween(previous, next))),
  characterBits: undefined,
  isolatesIdeographs: true,
  firstScope: 'none',
};
