import { hashInline, hashLong, inlineKey, isEqual, MAX_INLINE_BYTES } from './memo';

/**
 * Tokens by their bytes, where only whole ones are asked for: one read from slow memory, while walking a trie takes one for
 * each byte.
 *
 * A slot has 16 bytes. Key: up to 8 bytes of a token, or of a longer one its hash above where it lies in `keys`. Length, 0
 * where the slot is free. Id.
 */
class Tokens {
  static slots: usize = 0;
  static mask: u32 = 0;
  /** The longer tokens, one after the other. */
  static keys: usize = 0;
  /** Words of 64 bits by the last bits of a hash, of which two by its first ones are set where there is a token. */
  static filter: usize = 0;
  static filterMask: u32 = 0;
}

const SLOT_SHIFT: u32 = 4;

export const NO_TOKEN: u32 = 0xffff_ffff;

function hashOf(start: usize, length: u32): u32 {
  return length <= MAX_INLINE_BYTES ? hashInline(inlineKey(start, length), length) : hashLong(start, start + length);
}

function slotAt(index: u32): usize {
  return Tokens.slots + ((<usize>(index & Tokens.mask)) << SLOT_SHIFT);
}

function filterAt(hash: u32): usize {
  return Tokens.filter + ((<usize>(hash & Tokens.filterMask)) << 3);
}

function filterBits(hash: u32): u64 {
  return ((<u64>1) << (hash >> 26)) | ((<u64>1) << ((hash >> 20) & 63));
}

/** Id of the token that has these bytes, or NO_TOKEN. */
export function tokenOf(start: usize, end: usize): u32 {
  const length = <u32>(end - start);
  const isInline = length <= MAX_INLINE_BYTES;
  const hash = hashOf(start, length);
  const bits = filterBits(hash);
  if ((load<u64>(filterAt(hash)) & bits) != bits) return NO_TOKEN;
  let index = hash;
  while (true) {
    const slot = slotAt(index);
    index++;
    const found = load<u32>(slot, 8);
    if (found == 0) return NO_TOKEN;
    if (found != length) continue;
    if (isInline ? load<u64>(slot) == inlineKey(start, length) : isLong(slot, hash, start, length))
      return load<u32>(slot, 12);
  }
}

function isLong(slot: usize, hash: u32, start: usize, length: u32): bool {
  return load<u32>(slot, 4) == hash && isEqual(Tokens.keys + load<u32>(slot), start, length);
}

/** Adds a token that lies in `keys`; of equal ones the last counts. */
export function addToken(at: u32, length: u32, id: u32): void {
  const start = Tokens.keys + at;
  const isInline = length <= MAX_INLINE_BYTES;
  const hash = hashOf(start, length);
  const key = isInline ? inlineKey(start, length) : ((<u64>hash) << 32) | at;
  let slot = slotAt(hash);
  for (let index = hash; load<u32>(slot, 8) != 0; slot = slotAt(++index)) {
    if (load<u32>(slot, 8) != length) continue;
    if (isInline ? load<u64>(slot) == key : isLong(slot, hash, start, length)) break;
  }
  store<u64>(slot, key);
  store<u32>(slot, length, 8);
  store<u32>(slot, id, 12);
  store<u64>(filterAt(hash), load<u64>(filterAt(hash)) | filterBits(hash));
}

/**
 * @param slotBits - the table has 2 to this many slots, filled with zeros as all else
 * @param wordBits - the filter has 2 to this many words, at most 20
 */
export function setTokens(slots: usize, slotBits: u32, keys: usize, filter: usize, wordBits: u32): void {
  Tokens.slots = slots;
  Tokens.mask = (1 << slotBits) - 1;
  Tokens.keys = keys;
  Tokens.filter = filter;
  Tokens.filterMask = (1 << wordBits) - 1;
}
