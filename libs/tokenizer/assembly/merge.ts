import { push } from './found';
import { setWord, word, wordAt } from './words';

/**
 * Merges of BPE, and the symbols of the word that is merged now.
 *
 * The table is small, since looking pairs up is what BPE's time goes to: a slot is one number of 64 bits, a tag, the rank and
 * the id that the merge makes, all bits set where it is free. A pair of ids is mixed by a bijection; its first bits are
 * its home, its last ones the tag. Where the tag leaves out bits at the beginning, pairs with the same tag have homes that
 * are a multiple of 2 to the remaining bits of a home apart; `install-merges.ts` takes a table in which no run of taken
 * slots is that long, so that looking for a pair never comes to another one with its tag.
 */
export class Merges {
  static slots: usize = 0;
  static mask: u32 = 0;
  static idBits: u64 = 0;
  /** Of a mixed pair. */
  static pairMask: u64 = 0;
  /** Shift of a mixed pair that gives its home. */
  static homeShift: u64 = 0;
  /** Bits of a slot below its tag. */
  static tagShift: u64 = 0;
  /** Words of 64 bits by the first bits of a mixed pair, of which two by its last ones are set where there is a merge. */
  static filter: usize = 0;
  static filterShift: u64 = 0;
  /** `[MAX_SYMBOLS]` each, 4 bytes an item. */
  static symbols: usize = 0;
  /** By symbol its merge with the next one: its rank above the symbol's place, and the id that it makes. */
  static ranks: usize = 0;
  static mergedIds: usize = 0;
  static nexts: usize = 0;
  static previous: usize = 0;
}

const NONE: u32 = 0xffff_ffff;
/** Rank and id of pairs that are not merged. */
export const NO_MERGE: u64 = (<u64>NONE) << 32;
/** Most symbols of a word that is merged here: the lowest rank is looked for anew after each merge. */
export const MAX_SYMBOLS: u32 = 512;

const FREE: u64 = ~0;
const PLACE_BITS: u32 = 9;
const MAX_PLACE: u32 = MAX_SYMBOLS - 1;
/** No merge's rank above a place is as much as this, since ranks have 20 bits. */
const LEAST_NONE: u32 = NONE << PLACE_BITS;
/** Up to so many symbols are looked at one by one: what was just written cannot be read four at a time without a wait. */
const FEW_SYMBOLS: u32 = 24;

/** A bijection: odd factors and a shift by half. */
function mix(left: u32, right: u32): u64 {
  const pair = ((((<u64>left) << Merges.idBits) | right) * 0x9e3779b97f4a7c15) & Merges.pairMask;
  return ((pair ^ (pair >> Merges.idBits)) * 0xbf58476d1ce4e5b9) & Merges.pairMask;
}

function filterBits(mixed: u64): u64 {
  return ((<u64>1) << (mixed & 63)) | ((<u64>1) << ((mixed >> 6) & 63));
}

/** Rank of the merge of two symbols, and in the lower half the id that it makes; NO_MERGE where there is none. */
export function mergeOf(left: u32, right: u32): u64 {
  const mixed = mix(left, right);
  const bits = filterBits(mixed);
  if ((load<u64>(Merges.filter + ((<usize>(mixed >> Merges.filterShift)) << 3)) & bits) != bits) return NO_MERGE;
  const tagShift = Merges.tagShift;
  let index = <u32>(mixed >> Merges.homeShift);
  while (true) {
    const slot = load<u64>(Merges.slots + ((<usize>(index & Merges.mask)) << 3));
    // A tag may be cut off at the beginning by the shift, which it is on both sides.
    if ((slot ^ (mixed << tagShift)) >> tagShift == 0) {
      if (slot == FREE) return NO_MERGE;
      const merge = slot & (((<u64>1) << tagShift) - 1);
      return ((merge >> Merges.idBits) << 32) | (merge & (((<u64>1) << Merges.idBits) - 1));
    }
    if (slot == FREE) return NO_MERGE;
    index++;
  }
}

/** Puts a merge into the table; no two are of the same pair. */
export function addMerge(left: u32, right: u32, rank: u32, mergedId: u32): void {
  const mixed = mix(left, right);
  let index = <u32>(mixed >> Merges.homeShift);
  while (load<u64>(Merges.slots + ((<usize>(index & Merges.mask)) << 3)) != FREE) index++;
  const slot = (mixed << Merges.tagShift) | ((<u64>rank) << Merges.idBits) | mergedId;
  store<u64>(Merges.slots + ((<usize>(index & Merges.mask)) << 3), slot);
  const filterAt = Merges.filter + ((<usize>(mixed >> Merges.filterShift)) << 3);
  store<u64>(filterAt, load<u64>(filterAt) | filterBits(mixed));
}

/** Most taken slots in a row. */
export function longestMergeRun(): u32 {
  let longest: u32 = 0;
  let length: u32 = 0;
  // Twice around, for a run that goes over the end.
  for (let index: u32 = 0; index <= Merges.mask * 2 + 1; index++) {
    length = load<u64>(Merges.slots + ((<usize>(index & Merges.mask)) << 3)) == FREE ? 0 : length + 1;
    longest = max(longest, length);
  }
  return longest;
}

/** Sets a symbol's merge with the next one. */
export function setMerge(at: u32, merge: u64): void {
  // The least of these is the lowest rank, and of equal ones the first.
  setWord(Merges.ranks, at, ((<u32>(merge >> 32)) << PLACE_BITS) | at);
  setWord(Merges.mergedIds, at, <u32>merge);
}

/**
 * Merges the first `count` symbols, lowest rank first and then from the left, and pushes what is left. The merges of
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
    const least = count <= FEW_SYMBOLS ? leastOfFew(ranks, count - 1) : leastOfMany(ranks, padded);
    if (least >= LEAST_NONE) break;
    const best = least & MAX_PLACE;
    const merged = word(Merges.mergedIds, best);
    const gone = word(nexts, best);
    const after = word(nexts, gone);
    setWord(symbols, best, merged);
    setWord(nexts, best, after);
    setWord(ranks, gone, NONE);
    let mergeAfter = NO_MERGE;
    if (after < count) {
      setWord(previous, after, best);
      mergeAfter = mergeOf(merged, word(symbols, after));
    }
    setMerge(best, mergeAfter);
    const before = word(previous, best);
    if (before != NONE) setMerge(before, mergeOf(word(symbols, before), merged));
  }
  for (let at: u32 = 0; at < count; at = word(nexts, at)) push(word(symbols, at));
}

function leastOfFew(ranks: usize, count: u32): u32 {
  let least = load<u32>(ranks);
  for (let at: u32 = 1; at < count; at++) least = min(least, word(ranks, at));
  return least;
}

function leastOfMany(ranks: usize, padded: u32): u32 {
  const end = wordAt(ranks, padded);
  let least = v128.load(ranks);
  for (let at = ranks + 16; at < end; at += 16) least = i32x4.min_u(least, v128.load(at));
  least = i32x4.min_u(least, v128.shuffle<i32>(least, least, 2, 3, 0, 1));
  least = i32x4.min_u(least, v128.shuffle<i32>(least, least, 1, 0, 3, 2));
  return <u32>i32x4.extract_lane(least, 0);
}

/**
 * @param slotBits - the table has 2 to this many slots, filled with ones
 * @param wordBits - the filter has 2 to this many words, filled with zeros
 * @param rankBits - of every rank, at least one of which is not set
 */
export function setMerges(
  slots: usize,
  slotBits: u32,
  filter: usize,
  wordBits: u32,
  idBits: u32,
  rankBits: u32,
  symbols: usize,
  ranks: usize,
  mergedIds: usize,
  nexts: usize,
  previous: usize,
): void {
  const pairBits: u32 = idBits * 2;
  Merges.slots = slots;
  Merges.mask = (1 << slotBits) - 1;
  Merges.idBits = idBits;
  Merges.pairMask = ((<u64>1) << pairBits) - 1;
  Merges.homeShift = pairBits - slotBits;
  Merges.tagShift = rankBits + idBits;
  Merges.filter = filter;
  Merges.filterShift = pairBits - wordBits;
  Merges.symbols = symbols;
  Merges.ranks = ranks;
  Merges.mergedIds = mergedIds;
  Merges.nexts = nexts;
  Merges.previous = previous;
}
