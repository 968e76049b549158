import { TokenizerError } from '../../error.ts';
import type { Bpe } from '../../model/bpe.ts';
import type { Address } from './engine-exports.ts';
import type { Engine } from './engine.ts';

// As in `assembly/merge.ts`.
const MAX_SYMBOLS = 512;
const SLOT_BYTES = 8;
const SLOT_BITS = 64;
const MAX_ID = 2 ** 20 - 1;
// Pairs of ids must have more bits than the table has slots.
const MIN_ID_BITS = 16;
// Words of the filter: 7 bits a merge and more, so that one of sixteen pairs passes that has no merge.
const SLOTS_OF_FILTER_WORD = 16;
const MIN_SLOT_BITS = 14;
const MAX_SLOT_BITS = 26;

/** Whether the engine can hold the merges: ids and ranks of 20 bits leave 24 to tell pairs apart. */
export function canInstallMerges({ vocabulary, merges }: Bpe): boolean {
  return merges.rankCount <= MAX_ID && vocabulary.values().every((id) => id <= MAX_ID);
}

const bitsOf = (number: number): number => Math.floor(Math.log2(Math.max(1, number))) + 1;

/**
 * Puts the merges of a BPE model into the engine.
 * @throws TokenizerError TOO_LARGE
 */
export function installMerges(engine: Engine, { vocabulary, merges }: Bpe): void {
  const array = (): Address => engine.memory.allocate((MAX_SYMBOLS + 4) * 4);
  const arrays = [array(), array(), array(), array(), array()] as const;
  const maxId = vocabulary.values().reduce((most, id) => Math.max(most, id), 0);
  const idBits = Math.max(MIN_ID_BITS, bitsOf(maxId));
  // One more than there are: no rank has all bits set.
  const rankBits = bitsOf(merges.rankCount);
  // Bits at the beginning of a pair that are not in its tag.
  const missingBits = Math.max(0, 2 * idBits - (SLOT_BITS - rankBits - idBits));
  const leastBits = Math.ceil(Math.log2(Math.max(1, merges.rankCount * 1.6)));
  const { memory, exports } = engine;
  for (let bits = Math.max(MIN_SLOT_BITS, missingBits, leastBits); bits <= MAX_SLOT_BITS; bits++) {
    const slots = memory.allocate(2 ** bits * SLOT_BYTES);
    memory.bytes.fill(0xff, slots, slots + 2 ** bits * SLOT_BYTES);
    const wordBits = bits - Math.log2(SLOTS_OF_FILTER_WORD);
    exports.setMerges(slots, bits, memory.allocate(2 ** wordBits * 8), wordBits, idBits, rankBits, ...arrays);
    merges.forEach((left, right, rank, mergedId) => {
      exports.addMerge(left, right, rank, mergedId);
    });
    if (exports.longestMergeRun() < 2 ** (bits - missingBits)) return;
  }
  throw new TokenizerError('TOO_LARGE', `${merges.rankCount} merges do not fit the table of merges`);
}
