import { fieldOf, partsOf, typeOf } from '../json.ts';

/** How a SentencePiece tokenizer makes words of text. */
export interface UnigramText {
  /** Precompiled character map in base64; undefined where there is none. */
  readonly charsmap: string | undefined;
  /** Characters made spaces before all else, by code point. */
  readonly spaces: readonly number[];
  /** Whether several spaces count as one. */
  readonly joinsSpaces: boolean;
  /** Whether white space of any kind is dropped before spaces are marked. */
  readonly splitsAtWhiteSpace: boolean;
  readonly mark: string;
}

/** Reads normalizer and pre-tokenizer of XLM-R, multilingual-e5, T5 and their like; undefined for others. */
export function findUnigramText(normalizerJson: unknown, preTokenizerJson: unknown): UnigramText | undefined {
  const preTokenizers = partsOf(preTokenizerJson, 'pretokenizers');
  const metaspace = preTokenizers.at(-1);
  const splitsAtWhiteSpace = preTokenizers.length === 2 && typeOf(preTokenizers[0]) === 'WhitespaceSplit';
  if (typeOf(metaspace) !== 'Metaspace' || (preTokenizers.length !== 1 && !splitsAtWhiteSpace)) return undefined;
  const mark = fieldOf(metaspace, 'replacement');
  const scheme =
    fieldOf(metaspace, 'prepend_scheme') ?? (fieldOf(metaspace, 'add_prefix_space') === false ? '' : 'always');
  if (typeof mark !== 'string' || mark !== '\u2581' || scheme !== 'always') return undefined;
  if ((fieldOf(metaspace, 'split') ?? true) !== true) return undefined;
  let charsmap: string | undefined;
  let joinsSpaces = false;
  const spaces: number[] = [];
  for (const normalizer of partsOf(normalizerJson, 'normalizers')) {
    const pattern = fieldOf(normalizer, 'pattern');
    const text = fieldOf(pattern, 'String');
    const base64 = fieldOf(normalizer, 'precompiled_charsmap');
    // In this order only: after the map the spaces are joined, before it single characters become spaces.
    if (joinsSpaces) return undefined;
    if (typeOf(normalizer) === 'Precompiled' && typeof base64 === 'string' && charsmap === undefined) charsmap = base64;
    else if (typeOf(normalizer) !== 'Replace' || fieldOf(normalizer, 'content') !== ' ') return undefined;
    else if (fieldOf(pattern, 'Regex') === ' {2,}') joinsSpaces = true;
    else if (typeof text === 'string' && charsmap === undefined && isOddCharacter(text))
      spaces.push(text.codePointAt(0) ?? 0);
    else return undefined;
  }
  return { charsmap, spaces, joinsSpaces, splitsAtWhiteSpace, mark };
}

/** One character that is neither ASCII nor a letter: cuts are made behind those. */
const isOddCharacter = (text: string): boolean => [...text].length === 1 && /^[^\p{L}\p{N}\p{M}\0-\x7f]$/u.test(text);
