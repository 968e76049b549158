import { Found, ODD, push } from './found';
import { mergeOf, mergeRanked, Merges, MAX_SYMBOLS, NO_MERGE, setMerge } from './merge';
import { pieceEnd, Split, split } from './split';
import { NO_TOKEN, tokenOf } from './tokens';
import { setWord, word } from './words';
import { codePointAt, characterLength } from './utf8';

/** Byte-level BPE behind one of the known patterns. */
class ByteLevel {
  /** Ids of the 256 single bytes, NO_BYTE where one has no token. */
  static byteIds: usize = 0;
  /** By `firstByte << 8 | secondByte`, the merge of these two bytes, 64 bits. */
  static pairMerges: usize = 0;
  /** Whether a piece that is a token as a whole is taken as it is. */
  static ignoresMerges: bool = false;
  static addsPrefixSpace: bool = false;
  /** By code point, the bits of `composition-classes.ts`; 0 without NFC. */
  static compositionClasses: usize = 0;
}

const BLANK: u32 = 0x20;
const NO_BYTE: u32 = 0xffff_ffff;
// Of `composition-classes.ts`.
const ORDER_MASK: u32 = 0x3f;
const UNSTABLE: u32 = 0x3f;
const IS_SECOND: u32 = 0x40;
const IS_FIRST: u32 = 0x80;

export function byteLevel(chunkStart: usize, chunkEnd: usize, isFirst: u32): i32 {
  let start = chunkStart;
  let end = chunkEnd;
  if (ByteLevel.compositionClasses != 0 && !isComposed(start, end)) return ODD;
  if (isFirst != 0 && ByteLevel.addsPrefixSpace && load<u8>(start) != BLANK) {
    store<u8>(Found.work, BLANK);
    memory.copy(Found.work + 1, start, end - start);
    end = Found.work + 1 + (end - start);
    start = Found.work;
  }
  Found.count = 0;
  if (isPlainWord(start, end)) return addPiece(start, end) ? Found.count : ODD;
  split(start, end);
  for (let piece: u32 = 0; piece < Split.pieceCount; piece++) {
    const next = pieceEnd(piece);
    if (!addPiece(start, next)) return ODD;
    start = next;
  }
  return Found.count;
}

/** Whether a chunk is letters of ASCII, lower-case ones but for the first, with or without a space before: one piece everywhere. */
function isPlainWord(start: usize, end: usize): bool {
  let at = start;
  if (load<u8>(at) == BLANK) at++;
  if (at == end || !isLowerCase((<u32>load<u8>(at)) | 0x20)) return false;
  for (at++; at < end; at++) if (!isLowerCase(load<u8>(at))) return false;
  return true;
}

function isLowerCase(byte: u32): bool {
  return byte - 0x61 <= 25;
}

/** Whether text is surely in NFC already, by the quick check of UAX 15 with a look at what composes with what. */
function isComposed(start: usize, end: usize): bool {
  let last: u32 = 0;
  let mayCompose = false;
  for (let at = start; at < end;) {
    const lead: u32 = load<u8>(at);
    if (lead < 0x80) {
      last = 0;
      mayCompose = true;
      at++;
      continue;
    }
    const bits: u32 = load<u8>(ByteLevel.compositionClasses + codePointAt(at));
    const order = bits & ORDER_MASK;
    if (order == UNSTABLE || (order != 0 && order < last)) return false;
    if (mayCompose && (bits & IS_SECOND) != 0) return false;
    if (order == 0) mayCompose = (bits & IS_FIRST) != 0;
    last = order;
    at += characterLength(lead);
  }
  return true;
}

function addPiece(start: usize, end: usize): bool {
  const count = <u32>(end - start);
  if (ByteLevel.ignoresMerges) {
    const token = tokenOf(start, end);
    if (token != NO_TOKEN) {
      push(token);
      return true;
    }
  }
  if (count > MAX_SYMBOLS) return false;
  let previous: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const byte: u32 = load<u8>(start + index);
    const id = word(ByteLevel.byteIds, byte);
    // What becomes of its character is the pipeline's to say.
    if (id == NO_BYTE) return false;
    setWord(Merges.symbols, index, id);
    if (index > 0) setMerge(index - 1, load<u64>(pairMergeAt((previous << 8) | byte)));
    previous = byte;
  }
  mergeRanked(count);
  return true;
}

function pairMergeAt(pair: u32): usize {
  return ByteLevel.pairMerges + ((<usize>pair) << 3);
}

/** @param byteIds - filled before; `pairMerges` is filled here */
export function setByteLevel(
  byteIds: usize,
  pairMerges: usize,
  ignoresMerges: u32,
  addsPrefixSpace: u32,
  compositionClasses: usize,
): void {
  ByteLevel.byteIds = byteIds;
  ByteLevel.pairMerges = pairMerges;
  ByteLevel.ignoresMerges = ignoresMerges != 0;
  ByteLevel.addsPrefixSpace = addsPrefixSpace != 0;
  ByteLevel.compositionClasses = compositionClasses;
  for (let pair: u32 = 0; pair < 0x10000; pair++) {
    const left = word(byteIds, pair >> 8);
    const right = word(byteIds, pair & 0xff);
    store<u64>(pairMergeAt(pair), left == NO_BYTE || right == NO_BYTE ? NO_MERGE : mergeOf(left, right));
  }
}
