import type { TokenList } from '../token-list.ts';
import type { Engine } from './engine.ts';

const SLOT_BYTES = 16;
const MAX_WORD_BITS = 20;

/** Tells the engine which bytes are a token; of equal ones the last counts, and no text has none. */
export function installTokens(engine: Engine, { bytes, offsets, ids }: TokenList): void {
  const { memory, exports } = engine;
  // Half full at most. Words of the filter: 16 bits a token and more, so that one of a hundred other words passes.
  const slotBits = Math.ceil(Math.log2(Math.max(2, ids.length * 2)));
  const wordBits = Math.min(MAX_WORD_BITS, Math.max(0, slotBits - 3));
  const slots = memory.allocate(2 ** slotBits * SLOT_BYTES);
  const keys = memory.place(bytes);
  // Behind the keys, which are read 8 bytes at a time.
  const filter = memory.allocate(2 ** wordBits * 8);
  exports.setTokens(slots, slotBits, keys, filter, wordBits);
  for (const [index, id] of ids.entries()) {
    const [start = 0, end = 0] = [offsets[index], offsets[index + 1]];
    if (end > start) exports.addToken(start, end - start, id);
  }
}
