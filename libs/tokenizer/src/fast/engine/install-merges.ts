import { TokenizerError } from '../../error.ts';
import type { MergeTable } from '../../model/merge-table.ts';
import type { Address } from './engine-exports.ts';
import type { Engine } from './engine.ts';

// As in `assembly/merge.ts`.
const MAX_SYMBOLS = 512;
const MAX_ID = 2 ** 20 - 1;
const SLOT_BYTES = 8;
// Four bits a slot: the filter lets a sixth of the pairs pass that have no merge, and most of it stays in a core's cache.
const FILTER_BITS_OF_SLOT = 2;
// A merge may be a 256th of the table away from its place.
const MIN_SLOT_BITS = 14;
const MAX_SLOT_BITS = 26;

/** Whether the engine can hold the merges: ids of more than 20 bits do not fit its pairs. */
export function canInstallMerges(vocabulary: ReadonlyMap<string, number>): boolean {
  return vocabulary.values().every((id) => id <= MAX_ID);
}

/**
 * Puts the merges of a BPE model into the engine.
 * @throws TokenizerError TOO_LARGE
 */
export function installMerges(engine: Engine, merges: MergeTable): void {
  const array = (): Address => engine.memory.allocate((MAX_SYMBOLS + 4) * 4);
  const arrays = [array(), array(), array(), array()] as const;
  const mergedIds = engine.memory.allocate(merges.rankCount * 4);
  const leastBits = Math.ceil(Math.log2(Math.max(1, merges.rankCount * 1.6)));
  for (let bits = Math.max(MIN_SLOT_BITS, leastBits); bits <= MAX_SLOT_BITS; bits++)
    if (fill(engine, merges, bits, mergedIds, arrays)) return;
  throw new TokenizerError('TOO_LARGE', `${merges.rankCount} merges do not fit the table of merges`);
}

function fill(
  { memory, exports }: Engine,
  merges: MergeTable,
  bits: number,
  mergedIds: Address,
  arrays: readonly [Address, Address, Address, Address],
): boolean {
  const slots = memory.allocate(2 ** bits * SLOT_BYTES);
  memory.bytes.fill(0xff, slots, slots + 2 ** bits * SLOT_BYTES);
  const filterBits = bits + FILTER_BITS_OF_SLOT;
  const filter = memory.allocate(2 ** filterBits / 8);
  exports.setMerges(slots, bits, filter, filterBits, mergedIds, ...arrays);
  let isFilled = true;
  merges.forEach((left, right, rank, mergedId) => {
    isFilled = isFilled && exports.addMerge(left, right, rank, mergedId) === 1;
  });
  return isFilled;
}
