import { fieldOf, partsOf, typeOf } from '../json.ts';
import type { CutRule } from '../cut-rule.ts';

/** How a tokenizer without words writes spaces, and what it puts before a text. */
export interface SpaceMark {
  /** What stands for a space. */
  readonly mark: string;
  /** What comes before the first chunk: nothing, a mark, or a mark unless there is one. */
  readonly prefix: 'none' | 'always' | 'unless-marked';
  readonly firstScope: CutRule['firstScope'];
}

/** Reads a normalizer and a pre-tokenizer that together only write spaces as marks; undefined for all others. */
export function findSpaceMark(normalizerJson: unknown, preTokenizerJson: unknown): SpaceMark | undefined {
  const normalizers = partsOf(normalizerJson, 'normalizers');
  const preTokenizers = partsOf(preTokenizerJson, 'pretokenizers');
  if (normalizers.length === 0 && preTokenizers.length === 1) return ofMetaspace(preTokenizers[0]);
  const replace = normalizers.at(-1);
  const mark = fieldOf(replace, 'content');
  if (typeOf(replace) !== 'Replace' || fieldOf(fieldOf(replace, 'pattern'), 'String') !== ' ') return undefined;
  if (!isOneCharacter(mark) || mark === ' ' || !preTokenizers.every(splitsAtSpace)) return undefined;
  if (normalizers.length === 1) return { mark, prefix: 'none', firstScope: 'none' };
  const [prepend] = normalizers;
  if (normalizers.length !== 2 || typeOf(prepend) !== 'Prepend' || fieldOf(prepend, 'prepend') !== mark)
    return undefined;
  return { mark, prefix: 'always', firstScope: 'stretch' };
}

function ofMetaspace(json: unknown): SpaceMark | undefined {
  const mark = fieldOf(json, 'replacement');
  const scheme = fieldOf(json, 'prepend_scheme');
  if (typeOf(json) !== 'Metaspace' || fieldOf(json, 'split') !== false || !isOneCharacter(mark)) return undefined;
  if (scheme === 'never') return { mark, prefix: 'none', firstScope: 'none' };
  if (scheme === 'always') return { mark, prefix: 'unless-marked', firstScope: 'stretch' };
  return scheme === 'first' ? { mark, prefix: 'unless-marked', firstScope: 'text' } : undefined;
}

/** Gemma 3 splits at spaces, of which there are none after the normalizer. */
const splitsAtSpace = (json: unknown): boolean =>
  typeOf(json) === 'Split' && fieldOf(fieldOf(json, 'pattern'), 'String') === ' ' && fieldOf(json, 'invert') !== true;

const isOneCharacter = (text: unknown): text is string => typeof text === 'string' && [...text].length === 1;
