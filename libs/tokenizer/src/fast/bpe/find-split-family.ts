import { fieldOf, partsOf, typeOf } from '../json.ts';
import { SPLIT_PATTERNS, type SplitFamily } from './split-patterns.ts';

/** How a pre-tokenizer splits before it writes bytes as characters. */
export interface FoundSplit {
  readonly family: SplitFamily;
  /** Whether a space is put before a text that begins with none. */
  readonly addsPrefixSpace: boolean;
}

/** The family of a pre-tokenizer that ends in ByteLevel; undefined for patterns without a scanner. */
export function findSplitFamily(preTokenizerJson: unknown): FoundSplit | undefined {
  const parts = partsOf(preTokenizerJson, 'pretokenizers');
  const byteLevel = parts.at(-1);
  if (typeOf(byteLevel) !== 'ByteLevel') return undefined;
  const splits = parts.slice(0, -1);
  const addsPrefixSpace = fieldOf(byteLevel, 'add_prefix_space') !== false;
  if ((fieldOf(byteLevel, 'use_regex') ?? true) === true)
    return splits.length === 0 ? { family: 'gpt2', addsPrefixSpace } : findDigits(splits, addsPrefixSpace);
  // The space would go before every piece.
  if (addsPrefixSpace || splits.length === 0 || !splits.every(givesPieces)) return undefined;
  const patterns = splits.map((split) => fieldOf(fieldOf(split, 'pattern'), 'Regex'));
  for (const family of Object.keys(SPLIT_PATTERNS) as SplitFamily[]) {
    const known = SPLIT_PATTERNS[family];
    if (known.length === patterns.length && known.every((pattern, index) => pattern === patterns[index])) {
      // Only where the pattern matches every character is removing what is between matches the same as isolating them.
      if (family === 'deepseek' && !splits.every((split) => fieldOf(split, 'behavior') === 'Isolated'))
        return undefined;
      return { family, addsPrefixSpace: false };
    }
  }
  return undefined;
}

/** Digits one by one and nothing else before GPT-2's pattern. */
function findDigits(splits: readonly unknown[], addsPrefixSpace: boolean): FoundSplit | undefined {
  const [digits, ...others] = splits;
  if (others.length > 0 || typeOf(digits) !== 'Digits' || fieldOf(digits, 'individual_digits') !== true)
    return undefined;
  // The space would go before every piece.
  return addsPrefixSpace ? undefined : { family: 'gpt2-digits', addsPrefixSpace };
}

/** Whether pieces are what the pattern matches. */
function givesPieces(split: unknown): boolean {
  if (typeOf(split) !== 'Split') return false;
  const behavior = fieldOf(split, 'behavior');
  const isInverted = fieldOf(split, 'invert') === true;
  return behavior === 'Isolated' ? !isInverted : behavior === 'Removed' && isInverted;
}
