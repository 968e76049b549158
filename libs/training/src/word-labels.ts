/** In place of the class of a token that has none: torch's cross-entropy leaves it out. */
export const NO_LABEL = -100;

/**
 * Classes of tokens by those of their words (transformers' run_ner.py): that of the word on its first token, none on special
 * tokens.
 * @param wordIds by token, which word of the record it is of; -1 for special tokens
 * @param wordLabels by word of the record, its class
 * @param continuation the class of a word's further tokens by the word's, where they have one
 */
export function labelTokens(
  wordIds: Int32Array,
  wordLabels: ArrayLike<number>,
  continuation?: (wordLabel: number) => number,
): Int32Array {
  let previous = -1;
  return wordIds.map((word) => {
    const isFirst = word !== previous;
    previous = word;
    if (word < 0) return NO_LABEL;
    const label = wordLabels[word] ?? NO_LABEL;
    return isFirst ? label : (continuation?.(label) ?? NO_LABEL);
  });
}

/**
 * What a class becomes on the tokens after a word's first: `B-PER` is the begin of an entity once, and becomes `I-PER` where
 * there is such a class.
 */
export function continuationLabels(names: readonly string[]): number[] {
  return names.map((name, index) => {
    const inside = name.startsWith('B-') ? names.indexOf(`I-${name.slice(2)}`) : -1;
    return inside < 0 ? index : inside;
  });
}
