import type { MergeTable } from '../../model/merge-table.ts';
import type { Engine } from './engine.ts';

// As in `assembly/merge.ts`.
const MAX_SYMBOLS = 512;

/** Puts the merges of a BPE model into the engine. */
export function installMerges(engine: Engine, merges: MergeTable): void {
  const { memory, exports } = engine;
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(16, merges.rankCount * 1.6)));
  const slots = memory.allocate(slotCount * 16);
  memory.words.fill(0xffff_ffff, slots >> 2, (slots >> 2) + slotCount * 4);
  // Eight bits a merge and more: it says yes without reason to 12% of other pairs at most.
  const filterBytes = slotCount / 2;
  const filter = memory.allocate(filterBytes);
  const mergedIds = memory.allocate(merges.rankCount * 4);
  const array = (): number => memory.allocate((MAX_SYMBOLS + 4) * 4);
  exports.setMerges(slots, slotCount, filter, filterBytes, mergedIds, array(), array(), array(), array());
  merges.forEach((left, right, rank, mergedId) => {
    exports.addMerge(left, right, rank, mergedId);
  });
}
