import { CodePointSet, parseMap, parseRanges } from './code-point-set.ts';
import {
  BERT_CHINESE,
  BERT_REMOVED,
  COMBINING_MARK,
  LOWERCASE,
  NONSPACING_MARK,
  NUMERIC,
  PUNCTUATION,
  WHITE_SPACE,
  WORD,
} from './tables.ts';

const setOf = (table: string): CodePointSet => new CodePointSet(parseRanges(table));

/** White space as the reference library sees it (`char::is_whitespace` of its Unicode version). */
export const whiteSpace: CodePointSet = setOf(WHITE_SPACE);
/** `\w` of Rust's regex crate, which the Whitespace pre-tokenizer and added tokens use. */
export const wordCharacter: CodePointSet = setOf(WORD);
/** `char::is_numeric` */
export const numeric: CodePointSet = setOf(NUMERIC);
export const punctuation: CodePointSet = setOf(PUNCTUATION);
/** What BertNormalizer's clean_text removes: controls, format characters, unassigned ones, NUL, U+FFFD. */
export const bertRemoved: CodePointSet = setOf(BERT_REMOVED);
/** What BertNormalizer puts spaces around. */
export const bertChinese: CodePointSet = setOf(BERT_CHINESE);
/** What BertNormalizer takes for accents. */
export const nonspacingMark: CodePointSet = setOf(NONSPACING_MARK);
/** What StripAccents takes for accents. */
export const combiningMark: CodePointSet = setOf(COMBINING_MARK);

/** Lower case of single characters; no context such as a final sigma. */
export const lowercase: ReadonlyMap<number, string> = parseMap(LOWERCASE);
