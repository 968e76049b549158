import { Found, ODD, push } from './found';
import { find, MAX_IDS, MAX_KEY_BYTES, Memo, UNIT } from './memo';
import { mergeOf, mergeRanked, Merges, MAX_SYMBOLS, NO_MERGE, setMerge } from './merge';
import { remember } from './remember';
import { setWord, word } from './words';
import { characterLength, codePointAt } from './utf8';

/** BPE over characters, with bytes for unknown ones and marks for spaces. */
class Characters {
  /** By code point, id + 1 of the character's token, or 0. */
  static ids: usize = 0;
  /** Ids of the 256 byte tokens. */
  static byteIds: usize = 0;
  /** Bits of hashed pairs of code points: which may be next to each other in a token. */
  static pairs: usize = 0;
  /** What stands for a space, in UTF-8. */
  static mark: usize = 0;
  static markBytes: u32 = 0;
  static markCodePoint: u32 = 0;
  static prefix: u32 = 0;
  /** By two characters of ASCII, the mark as a space among them, `first << 7 | second`: their merge, 64 bits. */
  static plainMerges: usize = 0;
}

const NOT_PLAIN: u32 = 0x80;

const SPACE: u32 = 0x20;
const SHORT_BYTES: usize = 40;
// What comes before a first chunk.
const ALWAYS: u32 = 1;
const UNLESS_MARKED: u32 = 2;

export function characters(start: usize, end: usize, isFirst: u32): i32 {
  const work = Found.work;
  const length = markSpaces(start, end, isFirst);
  Found.count = 0;
  // Merging a short chunk takes less than looking for its parts.
  if (length <= SHORT_BYTES) return addUnit(0, length, false) ? Found.count : ODD;
  let unitStart: usize = 0;
  let previous: u32 = 0;
  for (let at: usize = 0; at < length;) {
    const codePoint = codePointAt(work + at);
    if (at > 0 && !mayJoin(previous, codePoint)) {
      if (!addUnit(unitStart, at, true)) return ODD;
      unitStart = at;
    }
    previous = codePoint;
    at += characterLength(load<u8>(work + at));
  }
  // A chunk in one piece is remembered by the caller.
  if (unitStart < length && !addUnit(unitStart, length, unitStart > 0)) return ODD;
  return Found.count;
}

function addMark(at: usize): usize {
  memory.copy(at, Characters.mark, Characters.markBytes);
  return at + Characters.markBytes;
}

/** Writes the chunk with marks for spaces; returns its length. */
function markSpaces(start: usize, end: usize, isFirst: u32): usize {
  let to = Found.work;
  if (isFirst != 0) {
    if (Characters.prefix == ALWAYS || (Characters.prefix == UNLESS_MARKED && !isMarked(start))) to = addMark(to);
  }
  for (let at = start; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == SPACE) to = addMark(to);
    else {
      store<u8>(to, <u8>byte);
      to++;
    }
  }
  return to - Found.work;
}

function isMarked(start: usize): bool {
  if (load<u8>(start) == SPACE) return true;
  for (let index: usize = 0; index < Characters.markBytes; index++)
    if (load<u8>(start + index) != load<u8>(Characters.mark + index)) return false;
  return true;
}

function pairBit(first: u32, second: u32): u32 {
  const hash = (first * 0x9e3779b1) ^ (second * 0x85ebca6b);
  return ((hash ^ (hash >> 15)) * 0x2c1b3c6d) >> 9;
}

function mayJoin(first: u32, second: u32): bool {
  const bit = pairBit(first, second);
  return ((<u32>load<u8>(Characters.pairs + (bit >> 3))) & ((<u32>1) << (bit & 7))) != 0;
}

/** Says that two code points are next to each other in a token. */
export function addPair(first: u32, second: u32): void {
  const bit = pairBit(first, second);
  const at = Characters.pairs + (bit >> 3);
  store<u8>(at, <u8>((<u32>load<u8>(at)) | ((<u32>1) << (bit & 7))));
}

/** Puts a symbol and its merge with the one before it. */
function addSymbol(at: u32, id: u32, merge: u64): void {
  setWord(Merges.symbols, at, id);
  if (at > 0) setMerge(at - 1, merge);
}

/** Adds the ids of a part of the work that no merge reaches over the ends of; false where it is too long. */
function addUnit(from: usize, to: usize, isRemembered: bool): bool {
  const start = Found.work + from;
  const end = Found.work + to;
  const length = <u32>(end - start);
  const isOne = characterLength(load<u8>(start)) == length;
  if (isRemembered && !isOne && length <= MAX_KEY_BYTES) {
    const slot = find(start, end, length | UNIT);
    if (slot != 0) {
      copy(slot);
      return true;
    }
  }
  let count: u32 = 0;
  let previous: u32 = NOT_PLAIN;
  for (let at = start; at < end;) {
    if (count + 4 > MAX_SYMBOLS) return false;
    const lead: u32 = load<u8>(at);
    const size = characterLength(lead);
    const codePoint = lead < 0x80 ? lead : codePointAt(at);
    const id = word(Characters.ids, codePoint);
    const plain = codePoint < 0x80 ? codePoint : codePoint == Characters.markCodePoint ? SPACE : NOT_PLAIN;
    if (id == 0) {
      // No merge takes a byte.
      for (let index: u32 = 0; index < size; index++)
        addSymbol(count++, word(Characters.byteIds, load<u8>(at + index)), NO_MERGE);
    } else {
      let merge = NO_MERGE;
      if (plain < NOT_PLAIN && previous < NOT_PLAIN) merge = plainMerge(previous, plain);
      else if (count > 0) merge = mergeOf(word(Merges.symbols, count - 1), id - 1);
      addSymbol(count, id - 1, merge);
      count++;
    }
    previous = id == 0 ? NOT_PLAIN : plain;
    at += size;
  }
  const before = Found.count;
  mergeRanked(count);
  const idCount = Found.count - before;
  if (isRemembered && !isOne && length <= MAX_KEY_BYTES && idCount <= MAX_IDS)
    remember(start, end, length | UNIT, idCount, before);
  return true;
}

function plainMerge(first: u32, second: u32): u64 {
  return load<u64>(Characters.plainMerges + ((<usize>((first << 7) | second)) << 3));
}

function copy(slot: usize): void {
  const idCount = (load<u32>(slot, 8) >> 8) & MAX_IDS;
  const value = load<u32>(slot, 12);
  if (idCount == 1) push(value);
  else for (let index: u32 = 0; index < idCount; index++) push(word(Memo.values, value + index));
}

/** Id + 1 of a character of ASCII, of the mark for a space. */
function plainId(character: u32): u32 {
  const codePoint = character == SPACE ? Characters.markCodePoint : character;
  return word(Characters.ids, codePoint);
}

/** The merges have to be there before. */
export function setCharacters(
  ids: usize,
  byteIds: usize,
  pairs: usize,
  mark: usize,
  markBytes: u32,
  prefix: u32,
  plainMerges: usize,
): void {
  Characters.ids = ids;
  Characters.byteIds = byteIds;
  Characters.pairs = pairs;
  Characters.mark = mark;
  Characters.markBytes = markBytes;
  Characters.markCodePoint = codePointAt(mark);
  Characters.prefix = prefix;
  Characters.plainMerges = plainMerges;
  for (let first: u32 = 0; first < NOT_PLAIN; first++)
    for (let second: u32 = 0; second < NOT_PLAIN; second++) {
      const left = plainId(first);
      const right = plainId(second);
      const merge = left == 0 || right == 0 ? NO_MERGE : mergeOf(left - 1, right - 1);
      store<u64>(plainMerges + ((<usize>((first << 7) | second)) << 3), merge);
    }
}
