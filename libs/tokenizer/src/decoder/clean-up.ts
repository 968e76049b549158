const SPACED_OUT = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

/** Takes the spaces before English punctuation away, one kind after another (transformers' `clean_up_tokenization`). */
export function cleanUpSpaces(text: string): string {
  return SPACED_OUT.reduce((cleaned, [spaced, plain]) => cleaned.replaceAll(spaced, plain), text);
}
