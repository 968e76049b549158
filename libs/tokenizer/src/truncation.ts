import { TokenizerError } from './error.ts';

export type TruncationStrategy = 'longest_first' | 'only_first' | 'only_second';

/**
 * Lengths of the two sequences after truncation (tokenizers' `utils/truncation.rs`).
 * @param room tokens that are left when special tokens are taken off
 * @throws TokenizerError INVALID_OPTION when the one sequence that may be cut is too short
 */
export function truncatedLengths(
  first: number,
  second: number | undefined,
  room: number,
  strategy: TruncationStrategy,
): [first: number, second: number] {
  const total = first + (second ?? 0);
  if (total <= room) return [first, second ?? 0];
  // Nothing is left of either, whatever the strategy.
  if (room === 0) return [0, 0];
  if (strategy === 'longest_first') return second === undefined ? [room, 0] : longestFirst(first, second, room);
  const surplus = total - room;
  const target = strategy === 'only_first' ? first : (second ?? 0);
  if (target <= surplus)
    throw new TokenizerError(
      'INVALID_OPTION',
      `Truncation ${strategy} must take ${surplus} tokens off a sequence of ${target}`,
    );
  return strategy === 'only_first' ? [first - surplus, second ?? 0] : [first, target - surplus];
}

function longestFirst(first: number, second: number, room: number): [number, number] {
  let [shorter, longer] = first <= second ? [first, second] : [second, first];
  longer = shorter > room ? shorter : Math.max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = Math.floor(room / 2);
    longer = shorter + (room % 2);
  }
  return first <= second ? [shorter, longer] : [longer, shorter];
}
