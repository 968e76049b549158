import { MAX_IDS, Memo, SLOT_SHIFT } from './memo';
import { word, wordAt } from './words';

/** Occurrences of each token id, and which ids occurred at all. */
export class Totals {
  /** `[vocabSize]` doubles, which count exactly up to 2^53. */
  static counts: usize = 0;
  /** `[vocabSize]` bytes. */
  static seen: usize = 0;
  static distinctCount: u32 = 0;
}

export function add(id: u32, times: u32): void {
  const at = Totals.counts + ((<usize>id) << 3);
  store<f64>(at, load<f64>(at) + <f64>times);
  if (load<u8>(Totals.seen + id) != 0) return;
  store<u8>(Totals.seen + id, 1);
  Totals.distinctCount++;
}

export function addAll(ids: usize, count: u32, times: u32): void {
  for (let index: u32 = 0; index < count; index++) add(word(ids, index), times);
}

/** Moves the count of one slot of the memo to the totals. */
export function spill(slot: usize): void {
  const meta = load<u32>(slot, 8);
  const idCount = (meta >> 8) & MAX_IDS;
  const value = load<u32>(slot, 12);
  if (idCount == 1) add(value, meta >> 16);
  else addAll(wordAt(Memo.values, value), idCount, meta >> 16);
  store<u16>(slot, 0, 10);
}

/** Moves the counts of all slots. */
export function flush(): void {
  const end = Memo.slots + ((<usize>(Memo.mask + 1)) << SLOT_SHIFT);
  for (let slot = Memo.slots; slot < end; slot += 1 << SLOT_SHIFT) if (load<u16>(slot, 10) != 0) spill(slot);
}

/** Counts an id that many times. */
export function countTimes(id: u32, times: u32): void {
  add(id, times);
}

/** Counts ids in memory once each. */
export function countIds(ids: usize, count: u32): void {
  addAll(ids, count, 1);
}

export function distinctCount(): u32 {
  return Totals.distinctCount;
}

export function setTotals(counts: usize, seen: usize): void {
  Totals.counts = counts;
  Totals.seen = seen;
}
