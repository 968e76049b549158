import { push } from './found';
import { setWord, word, wordAt } from './words';

/**
 * Merges of BPE, and the symbols of the word that is merged now.
 *
 * The table is small, since looking pairs up is what BPE's time goes to: a slot has 8 bytes, the low 32 bits of a mixed pair
 * and the merge's rank. A pair has 40 bits and mixing is a bijection; the 8 bits that a slot leaves out are the first ones of
 * the pair's home, so that two pairs with the same 32 bits have homes that are a 256th of the table apart. `addMerge` makes
 * sure that no pair is ever that far from its home.
 */
export class Merges {
  static slots: usize = 0;
  static mask: u32 = 0;
  /** Shift of a mixed pair that gives its home. */
  static homeShift: u64 = 0;
  /** Bits of pairs by the first bits of their mix: none where a pair has no merge, which most have not. */
  static filter: usize = 0;
  static filterShift: u64 = 0;
  /** By rank, the id that a merge makes. */
  static mergedIds: usize = 0;
  /** `[MAX_SYMBOLS]` each, 4 bytes an item. */
  static symbols: usize = 0;
  static ranks: usize = 0;
  static nexts: usize = 0;
  static previous: usize = 0;
}

export const NONE: u32 = 0xffff_ffff;
/** Most symbols of a word that is merged here: the lowest rank is looked for anew after each merge. */
export const MAX_SYMBOLS: u32 = 512;

const ID_BITS: u64 = 20;
const PAIR_MASK: u64 = (1 << 40) - 1;

/** A bijection of 40 bits: odd factors and a shift by half. */
function mix(left: u32, right: u32): u64 {
  const pair = ((((<u64>left) << ID_BITS) | right) * 0x9e3779b97f4a7c15) & PAIR_MASK;
  return ((pair ^ (pair >> 20)) * 0xbf58476d1ce4e5b9) & PAIR_MASK;
}

export function rankOf(left: u32, right: u32): u32 {
  const mixed = mix(left, right);
  const bit = <u32>(mixed >> Merges.filterShift);
  if (((<u32>load<u8>(Merges.filter + (bit >> 3))) & ((<u32>1) << (bit & 7))) == 0) return NONE;
  let index = <u32>(mixed >> Merges.homeShift);
  while (true) {
    const slot = load<u64>(Merges.slots + ((<usize>(index & Merges.mask)) << 3));
    if (<u32>slot == <u32>mixed || <u32>(slot >> 32) == NONE) return <u32>(slot >> 32);
    index++;
  }
}

/**
 * Puts a merge into the table; of equal pairs the last counts.
 * @returns 0 where it is too far from its home: the table is too small
 */
export function addMerge(left: u32, right: u32, rank: u32, mergedId: u32): u32 {
  const mixed = mix(left, right);
  const home = <u32>(mixed >> Merges.homeShift);
  let distance: u32 = 0;
  let at = Merges.slots + ((<usize>home) << 3);
  while (load<u32>(at, 4) != NONE && load<u32>(at) != <u32>mixed) {
    distance++;
    at = Merges.slots + ((<usize>((home + distance) & Merges.mask)) << 3);
  }
  if (distance >= (Merges.mask + 1) >> 8) return 0;
  const bit = <u32>(mixed >> Merges.filterShift);
  const filterAt = Merges.filter + (bit >> 3);
  store<u8>(filterAt, <u8>((<u32>load<u8>(filterAt)) | ((<u32>1) << (bit & 7))));
  store<u32>(at, <u32>mixed);
  store<u32>(at, rank, 4);
  setWord(Merges.mergedIds, rank, mergedId);
  return 1;
}

/**
 * Merges the first `count` symbols, lowest rank first and then from the left, and pushes what is left. The ranks of
 * neighbours must be there.
 */
export function mergeRanked(count: u32): void {
  const symbols = Merges.symbols;
  if (count == 1) {
    push(load<u32>(symbols));
    return;
  }
  const ranks = Merges.ranks;
  const nexts = Merges.nexts;
  const previous = Merges.previous;
  // Four ranks are compared at a time.
  const padded = (count + 3) & ~3;
  for (let at = count - 1; at < padded; at++) setWord(ranks, at, NONE);
  for (let at: u32 = 0; at < count; at++) {
    setWord(nexts, at, at + 1);
    setWord(previous, at, at - 1);
  }
  for (;;) {
    const best = lowest(ranks, padded);
    if (best == NONE) break;
    const rank = word(ranks, best);
    const merged = word(Merges.mergedIds, rank);
    const gone = word(nexts, best);
    const after = word(nexts, gone);
    setWord(symbols, best, merged);
    setWord(nexts, best, after);
    setWord(ranks, gone, NONE);
    let rankAfter = NONE;
    if (after < count) {
      setWord(previous, after, best);
      rankAfter = rankOf(merged, word(symbols, after));
    }
    setWord(ranks, best, rankAfter);
    const before = word(previous, best);
    if (before != NONE) setWord(ranks, before, rankOf(word(symbols, before), merged));
  }
  for (let at: u32 = 0; at < count; at = word(nexts, at)) push(word(symbols, at));
}

/** Where the lowest rank is, the first of equal ones; NONE where there is no rank. */
function lowest(ranks: usize, padded: u32): u32 {
  const end = wordAt(ranks, padded);
  let least = v128.load(ranks);
  for (let at = ranks + 16; at < end; at += 16) least = i32x4.min_u(least, v128.load(at));
  least = i32x4.min_u(least, v128.shuffle<i32>(least, least, 2, 3, 0, 1));
  least = i32x4.min_u(least, v128.shuffle<i32>(least, least, 1, 0, 3, 2));
  const rank = <u32>i32x4.extract_lane(least, 0);
  if (rank == NONE) return NONE;
  let at = ranks;
  while (true) {
    const bits = i32x4.bitmask(i32x4.eq(v128.load(at), least));
    if (bits != 0) return <u32>((at - ranks) >> 2) + <u32>ctz(bits);
    at += 16;
  }
}

/** @param slotBits - the table has 2 to this many slots, filled with ones */
export function setMerges(
  slots: usize,
  slotBits: u32,
  filter: usize,
  filterBits: u32,
  mergedIds: usize,
  symbols: usize,
  ranks: usize,
  nexts: usize,
  previous: usize,
): void {
  Merges.slots = slots;
  Merges.mask = (1 << slotBits) - 1;
  Merges.homeShift = 40 - slotBits;
  Merges.filter = filter;
  Merges.filterShift = 40 - filterBits;
  Merges.mergedIds = mergedIds;
  Merges.symbols = symbols;
  Merges.ranks = ranks;
  Merges.nexts = nexts;
  Merges.previous = previous;
}
