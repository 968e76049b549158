import { mayHaveAddedToken } from './added';
import { Found } from './found';
import { classifyCharacter } from './host';
import {
  findLong,
  FIRST,
  hashInline,
  inlineKey,
  KEY_MASK,
  MAX_COUNT,
  MAX_IDS,
  MAX_INLINE_BYTES,
  MAX_KEY_BYTES,
  Memo,
  SLOT_SHIFT,
} from './memo';
import { tokenize } from './model';
import { remember } from './remember';
import { add, addAll, spill } from './totals';
import { copyWords, setWord, word, wordAt } from './words';
import { codePointBefore } from './utf8';

/** Where text is cut into chunks: the fields of CutRule in `cut-rule.ts`. */
class Cuts {
  /** By `nextByte << 8 | previousByte`. */
  static table: usize = 0;
  /** UncutBytes of `uncut-bytes.ts`. */
  static lowHalves: usize = 0;
  /** Sign bits of bytes from 0x80 on where they are uncut, otherwise 0. */
  static highBits: u32 = 0;
  static characterBits: usize = 0;
  static isolatesIdeographs: bool = false;
  static classifies: bool = false;
  /** Whether a chunk at the beginning is tokenized differently. */
  static hasFirst: bool = false;
}

/** What is done with the ids of a text. */
class Text {
  static isCounting: bool = false;
  /** When counting: tokens so far, how many count, and whether there were more. */
  static tokenCount: u32 = 0;
  static limit: u32 = 0xffff_ffff;
  static isTruncated: bool = false;
  /** When encoding: where the next id goes, and where there is no more room. */
  static end: usize = 0;
  static capacityEnd: usize = 0;
}

const ONE_COUNT: u32 = 1 << 16;
const PAGE_SHIFT: u32 = 16;

/** Cuts a stretch without added tokens into chunks and writes or counts their ids: the hot loop. */
export function scan(start: usize, end: usize, isFirst: u32): void {
  const table = Cuts.table;
  const lowHalves = v128.load(Cuts.lowHalves);
  const highBits = i8x16.splat(<i8>Cuts.highBits);
  const isolatesIdeographs = Cuts.isolatesIdeographs;
  const isCounting = Text.isCounting;
  let bits: u32 = isFirst != 0 ? FIRST : 0;
  for (let at = start; at < end;) {
    let next = at + 1;
    if (isolatesIdeographs && isIdeographLead(load<u8>(at))) next = at + 3;
    else {
      while (next < end) {
        const cut: u32 = load<u8>(table + <usize>load<u16>(next - 1));
        if (cut != 0 && (cut == 1 || mayCut(next, cut))) break;
        next += <usize>uncutLength(next, lowHalves, highBits);
      }
      next = min(next, end);
    }
    const length = <u32>(next - at);
    const keyBits = length | bits;
    let slot: usize = 0;
    if (length <= MAX_INLINE_BYTES) {
      const key = inlineKey(at, length);
      const slots = Memo.slots;
      const mask = Memo.mask;
      for (let index = hashInline(key, keyBits); ; index++) {
        slot = slots + ((<usize>(index & mask)) << SLOT_SHIFT);
        const meta = load<u32>(slot, 8);
        if ((meta & KEY_MASK) == keyBits && load<u64>(slot) == key) break;
        if (meta != 0) continue;
        slot = 0;
        break;
      }
    } else if (length <= MAX_KEY_BYTES) slot = findLong(at, next, keyBits);
    if (slot == 0) {
      miss(at, next, bits);
      if (Text.isTruncated) return;
    } else {
      const meta = load<u32>(slot, 8);
      const idCount = (meta >> 8) & MAX_IDS;
      if (!isCounting) write(slot, idCount);
      else if (Text.tokenCount + idCount > Text.limit) {
        countPart(slot, idCount);
        return;
      } else {
        Text.tokenCount += idCount;
        if (meta >> 16 == MAX_COUNT) spill(slot);
        store<u32>(slot, load<u32>(slot, 8) + ONE_COUNT, 8);
      }
    }
    bits = 0;
    at = next;
  }
}

/** Whether a byte begins a character from U+5000 to U+9FFF. */
function isIdeographLead(byte: u32): bool {
  return byte - 0xe5 <= 4;
}

/** How many bytes from `at` on are surely not cut apart, from 1 to 16; what is behind the text is looked at as well. */
function uncutLength(at: usize, lowHalves: v128, highBits: v128): i32 {
  const bytes = v128.load(at);
  const sets = i8x16.swizzle(lowHalves, v128.and(bytes, i8x16.splat(0x0f)));
  const bits = i8x16.swizzle(i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(bytes, 4));
  const isOutside = i8x16.eq(v128.and(sets, bits), i8x16.splat(0));
  return max(1, ctz(i8x16.bitmask(v128.andnot(isOutside, v128.and(bytes, highBits))) | 0x10000));
}

function mayCut(position: usize, mask: u32): bool {
  if (Cuts.characterBits == 0) return false;
  const codePoint = codePointBefore(position);
  let bits: u32 = load<u8>(Cuts.characterBits + codePoint);
  if (bits == 0 && Cuts.classifies) {
    bits = classifyCharacter(codePoint);
    store<u8>(Cuts.characterBits + codePoint, <u8>bits);
  }
  return (bits & mask) != 0;
}

function write(slot: usize, idCount: u32): void {
  reserve(idCount);
  const value = load<u32>(slot, 12);
  let end = Text.end;
  if (idCount == 1) store<u32>(end, value);
  else {
    let from = wordAt(Memo.values, value);
    for (let index: u32 = 0; index < idCount; index++) setWord(end, index, word(from, index));
  }
  Text.end = wordAt(end, idCount);
}

/** Makes room for ids: they are the last thing in memory. */
export function reserve(idCount: u32): void {
  const needed = wordAt(Text.end, idCount);
  if (needed <= Text.capacityEnd) return;
  // A quarter more, so that growing costs little in sum.
  const bytes = needed - Text.capacityEnd + ((needed >> 2) & ~(<usize>7));
  const pages = <u32>((bytes + 0xffff) >> PAGE_SHIFT);
  if (memory.grow(pages) < 0) unreachable();
  Text.capacityEnd += (<usize>pages) << PAGE_SHIFT;
}

function miss(start: usize, end: usize, bits: u32): void {
  const idCount = tokenize(start, end, bits);
  // The host has had its ids taken already.
  if (idCount < 0) return;
  takeFound(<u32>idCount);
  if (Text.isTruncated) return;
  const length = <u32>(end - start);
  if (length > MAX_KEY_BYTES || <u32>idCount > MAX_IDS) return;
  remember(start, end, length | bits, <u32>idCount, 0);
}

/** Writes or counts the first ids of `Found`. */
export function takeFound(idCount: u32): void {
  if (!Text.isCounting) {
    reserve(idCount);
    copyWords(Text.end, Found.ids, idCount);
    Text.end = wordAt(Text.end, idCount);
    return;
  }
  const counted = min(idCount, Text.limit - Text.tokenCount);
  addAll(Found.ids, counted, 1);
  Text.tokenCount += counted;
  Text.isTruncated = counted < idCount;
}

/** Counts the ids of a chunk up to the limit. */
function countPart(slot: usize, idCount: u32): void {
  const counted = Text.limit - Text.tokenCount;
  const value = load<u32>(slot, 12);
  if (idCount > 1) addAll(wordAt(Memo.values, value), counted, 1);
  Text.tokenCount += counted;
  Text.isTruncated = true;
}

/** Begins a text whose ids are counted up to a limit. */
export function beginCount(limit: u32): void {
  Text.isCounting = true;
  Text.tokenCount = 0;
  Text.limit = limit;
  Text.isTruncated = false;
}

/** Counts one id, of an added token, or finds that it is over the limit. */
export function countId(id: u32): void {
  if (Text.tokenCount >= Text.limit) {
    Text.isTruncated = true;
    return;
  }
  Text.tokenCount++;
  add(id, 1);
}

export function tokenCount(): u32 {
  return Text.tokenCount;
}

export function isTruncated(): u32 {
  return Text.isTruncated ? 1 : 0;
}

/** Begins a text whose ids are written from `end` on. */
export function beginWrite(end: usize): void {
  Text.isCounting = false;
  Text.isTruncated = false;
  Text.end = end;
}

/** Writes one id. */
export function writeId(id: u32): void {
  reserve(1);
  store<u32>(Text.end, id);
  Text.end += 4;
}

/** Where the next id goes. */
export function writeEnd(): usize {
  return Text.end;
}

export function setCapacityEnd(end: usize): void {
  Text.capacityEnd = end;
}

/**
 * Counts records of one text each, without special tokens, up to the first one that may have an added token.
 * @param offsets - where in memory the offsets of the texts lie, relative to `base`
 * @param lengths - where the number of tokens of each record goes
 * @returns the record that it stopped at
 */
export function countRecords(
  base: usize,
  offsets: usize,
  first: u32,
  count: u32,
  limit: u32,
  lengths: usize,
  truncated: usize,
): u32 {
  const hasFirst: u32 = Cuts.hasFirst ? 1 : 0;
  for (let record = first; record < count; record++) {
    const start = base + word(offsets, record);
    const end = base + word(offsets, record + 1);
    if (mayHaveAddedToken(start, end)) return record;
    beginCount(limit);
    if (start < end) scan(start, end, hasFirst);
    setWord(lengths, record, Text.tokenCount);
    if (Text.isTruncated) store<u32>(truncated, load<u32>(truncated) + 1);
  }
  return count;
}

/**
 * Writes the ids of records of one text each, with the ids of a template before and after them, up to the first one
 * that may have an added token.
 * @param room - most ids of the text itself; what is over is cut off at the end
 * @param ends - where the end of each record goes, in ids from `out` on
 * @returns the record that it stopped at
 */
export function writeRecords(
  base: usize,
  offsets: usize,
  first: u32,
  count: u32,
  room: u32,
  before: usize,
  beforeCount: u32,
  after: usize,
  afterCount: u32,
  out: usize,
  ends: usize,
  truncated: usize,
): u32 {
  const hasFirst: u32 = Cuts.hasFirst ? 1 : 0;
  for (let record = first; record < count; record++) {
    const start = base + word(offsets, record);
    const end = base + word(offsets, record + 1);
    if (mayHaveAddedToken(start, end)) return record;
    writeAll(before, beforeCount);
    const textAt = Text.end;
    if (start < end) scan(start, end, hasFirst);
    if ((Text.end - textAt) >> 2 > <usize>room) {
      Text.end = wordAt(textAt, room);
      store<u32>(truncated, load<u32>(truncated) + 1);
    }
    writeAll(after, afterCount);
    setWord(ends, record, <u32>((Text.end - out) >> 2));
  }
  return count;
}

function writeAll(ids: usize, count: u32): void {
  reserve(count);
  for (let index: u32 = 0; index < count; index++) {
    store<u32>(Text.end, word(ids, index));
    Text.end += 4;
  }
}

export function setCuts(
  table: usize,
  lowHalves: usize,
  hasHighBytes: u32,
  characterBits: usize,
  isolatesIdeographs: u32,
  classifies: u32,
  hasFirst: u32,
): void {
  Cuts.table = table;
  Cuts.lowHalves = lowHalves;
  Cuts.highBits = hasHighBytes != 0 ? 0x80 : 0;
  Cuts.characterBits = characterBits;
  Cuts.isolatesIdeographs = isolatesIdeographs != 0;
  Cuts.classifies = classifies != 0;
  Cuts.hasFirst = hasFirst != 0;
}
