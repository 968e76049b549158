/** Families of patterns that have a scanner of their own. */
export const SPLIT_FAMILIES = ['gpt2', 'cl100k', 'qwen', 'o200k', 'deepseek', 'gpt2-digits'] as const;
export type SplitFamily = (typeof SPLIT_FAMILIES)[number];

const CL100K = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The pattern of each family (of `deepseek` one after the other), as the published files write it; of `gpt2-digits` the one
 * that is left after Digits has made a piece of each digit (StarCoder, SmolLM).
 */
export const SPLIT_PATTERNS: Readonly<Record<SplitFamily, readonly string[]>> = {
  gpt2: [GPT2],
  'gpt2-digits': [GPT2],
  cl100k: [CL100K(String.raw`\p{N}{1,3}`)],
  qwen: [CL100K(String.raw`\p{N}`)],
  o200k: [
    [
      String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
      String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
      String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ].join('|'),
  ],
  deepseek: [
    String.raw`\p{N}{1,3}`,
    '[一-龥぀-ゟ゠-ヿ]+',
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+',
  ],
};
