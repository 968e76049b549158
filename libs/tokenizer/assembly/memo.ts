import { copyWords, wordAt } from './words';

/**
 * Chunks and their ids: an open-addressing table of bounded size that is emptied when it is full, since all that it holds
 * can be computed again.
 *
 * A slot has 16 bytes. Key: up to 8 bytes of a chunk, or of a longer one its hash above where it lies in `keys`. Meta (0
 * where the slot is free): key bits of one byte, number of ids of one byte, count of two. Value: the id itself where there
 * is one, otherwise where in `values` the ids lie.
 */
export class Memo {
  static slots: usize = 0;
  static mask: u32 = 0;
  /** Slots that there is room for. */
  static capacity: u32 = 0;
  /** Chunks in the table. */
  static size: u32 = 0;
  static keys: usize = 0;
  static keyEnd: u32 = 0;
  static keyCapacity: u32 = 0;
  static values: usize = 0;
  static valueEnd: u32 = 0;
  static valueCapacity: u32 = 0;
}

export const SLOT_SHIFT: u32 = 4;
export const MAX_INLINE_BYTES: u32 = 8;
/** Longest key; longer chunks hardly come again. */
export const MAX_KEY_BYTES: u32 = 63;
/** Key bits beside the length: a chunk that is first, and a part of a chunk. */
export const FIRST: u32 = 0x80;
export const UNIT: u32 = 0x40;
export const KEY_MASK: u32 = 0xff;
export const LENGTH_MASK: u32 = 0x3f;
/** Most ids that are remembered of one chunk. */
export const MAX_IDS: u32 = 0xff;
export const MAX_COUNT: u32 = 0xffff;

const FACTOR: u64 = 0x9e3779b97f4a7c15;

export function hashInline(key: u64, bits: u32): u32 {
  const hash = <u32>(((key ^ ((<u64>bits) << 56)) * FACTOR) >> 32);
  return hash ^ (hash >> 15);
}

/** Hash of a key of more than 8 bytes. */
export function hashLong(start: usize, end: usize): u32 {
  let hash: u64 = end - start;
  let at = start;
  for (; at + 8 <= end; at += 8) hash = (rotl<u64>(hash, 29) ^ load<u64>(at)) * FACTOR;
  if (at < end) hash = (rotl<u64>(hash, 29) ^ load<u64>(end - 8)) * FACTOR;
  const folded = <u32>(hash >> 32);
  return folded ^ (folded >> 15);
}

/** Compares keys of 8 bytes and more. */
export function isEqual(first: usize, second: usize, length: u32): bool {
  let at: usize = 0;
  for (; at + 8 <= length; at += 8) if (load<u64>(first + at) != load<u64>(second + at)) return false;
  return at == length || load<u64>(first + length - 8) == load<u64>(second + length - 8);
}

/** Slot of a key of more than 8 bytes, or 0. */
export function findLong(start: usize, end: usize, bits: u32): usize {
  const hash = hashLong(start, end);
  const length = <u32>(end - start);
  let index = hash;
  while (true) {
    const slot = Memo.slots + ((<usize>(index & Memo.mask)) << SLOT_SHIFT);
    const meta = load<u32>(slot, 8);
    if (meta == 0) return 0;
    if (load<u32>(slot, 4) == hash && (meta & KEY_MASK) == bits && isEqual(Memo.keys + load<u32>(slot), start, length))
      return slot;
    index++;
  }
}

/** The bytes of a key of at most 8. */
export function inlineKey(start: usize, length: u32): u64 {
  return load<u64>(start) & (~(<u64>0) >> ((64 - (length << 3)) & 63));
}

/** Slot of a key of any length, or 0. */
export function find(start: usize, end: usize, bits: u32): usize {
  const length = <u32>(end - start);
  if (length > MAX_INLINE_BYTES) return findLong(start, end, bits);
  const key = inlineKey(start, length);
  let index = hashInline(key, bits);
  while (true) {
    const slot = Memo.slots + ((<usize>(index & Memo.mask)) << SLOT_SHIFT);
    const meta = load<u32>(slot, 8);
    if (meta == 0) return 0;
    if ((meta & KEY_MASK) == bits && load<u64>(slot) == key) return slot;
    index++;
  }
}

/** Whether a key and its ids can be added; makes room for them where the capacities allow it. */
export function makeRoom(keyBytes: u32, idCount: u32): bool {
  if (Memo.size * 2 > Memo.mask && !growSlots()) return false;
  return (
    (keyBytes <= MAX_INLINE_BYTES || Memo.keyEnd + keyBytes <= Memo.keyCapacity) &&
    (idCount == 1 || Memo.valueEnd + idCount <= Memo.valueCapacity)
  );
}

/** Adds a key that is not there; `makeRoom` has to come first. */
export function insert(start: usize, end: usize, bits: u32, ids: usize, idCount: u32): void {
  const length = <u32>(end - start);
  let key: u64;
  let hash: u32;
  if (length <= MAX_INLINE_BYTES) {
    key = inlineKey(start, length);
    hash = hashInline(key, bits);
  } else {
    hash = hashLong(start, end);
    key = ((<u64>hash) << 32) | Memo.keyEnd;
    copyKey(Memo.keys + Memo.keyEnd, start, end);
    Memo.keyEnd += length;
  }
  let value: u32;
  if (idCount == 1) value = load<u32>(ids);
  else {
    value = Memo.valueEnd;
    copyWords(wordAt(Memo.values, value), ids, idCount);
    Memo.valueEnd += idCount;
  }
  place(hash, key, bits | (idCount << 8), value);
  Memo.size++;
}

/** Copies eight bytes at a time, so up to seven too many. */
function copyKey(to: usize, start: usize, end: usize): void {
  for (let at = start; at < end; at += 8, to += 8) store<u64>(to, load<u64>(at));
}

function place(hash: u32, key: u64, meta: u32, value: u32): void {
  let index = hash;
  let slot = Memo.slots + ((<usize>(index & Memo.mask)) << SLOT_SHIFT);
  while (load<u32>(slot, 8) != 0) {
    index++;
    slot = Memo.slots + ((<usize>(index & Memo.mask)) << SLOT_SHIFT);
  }
  store<u64>(slot, key);
  store<u32>(slot, meta, 8);
  store<u32>(slot, value, 12);
}

/**
 * Doubles the table in its place. Each chunk is taken out and put in again, beginning behind a free slot: whatever is before
 * a chunk in its run has been moved by then, so that it finds a place at its old one at the latest, or in the new half.
 */
function growSlots(): bool {
  const count = Memo.mask + 1;
  if (count * 2 > Memo.capacity) return false;
  let free: u32 = 0;
  while (load<u32>(Memo.slots + ((<usize>free) << SLOT_SHIFT), 8) != 0) free++;
  const mask = Memo.mask;
  Memo.mask = count * 2 - 1;
  for (let step: u32 = 1; step < count; step++) {
    const slot = Memo.slots + ((<usize>((free + step) & mask)) << SLOT_SHIFT);
    const meta = load<u32>(slot, 8);
    if (meta == 0) continue;
    store<u32>(slot, 0, 8);
    const key = load<u64>(slot);
    const isInline = (meta & LENGTH_MASK) <= MAX_INLINE_BYTES;
    place(isInline ? hashInline(key, meta & KEY_MASK) : <u32>(key >> 32), key, meta, load<u32>(slot, 12));
  }
  return true;
}

export function clear(): void {
  memory.fill(Memo.slots, 0, (<usize>(Memo.mask + 1)) << SLOT_SHIFT);
  Memo.size = Memo.keyEnd = Memo.valueEnd = 0;
}

/** @param slotCount slots to begin with; a power of 2, as is `capacity` */
export function setMemo(
  slots: usize,
  slotCount: u32,
  capacity: u32,
  keys: usize,
  keyCapacity: u32,
  values: usize,
  valueCapacity: u32,
): void {
  Memo.slots = slots;
  Memo.mask = slotCount - 1;
  Memo.capacity = capacity;
  Memo.keys = keys;
  Memo.keyCapacity = keyCapacity;
  Memo.values = values;
  Memo.valueCapacity = valueCapacity;
}

/** Bytes that the chunks and their ids take now. */
export function memoBytes(): u32 {
  return ((Memo.mask + 1) << SLOT_SHIFT) + Memo.keyEnd + (Memo.valueEnd << 2);
}
