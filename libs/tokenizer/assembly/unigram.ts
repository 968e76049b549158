import { Found, ODD, push, WORK_BYTES } from './found';
import { apply, touches } from './charsmap';
import { child, NO_NODE, tokenAt } from './trie';
import { wordAt } from './words';
import { characterLength, codePointAt } from './utf8';

/** Unigram behind a character map and Metaspace. */
class Unigram {
  /** By token id, its score: doubles, as the reference library adds them. */
  static scores: usize = 0;
  static unkTokenId: u32 = 0;
  static unkScore: f64 = 0;
  /** By code point, bits: white space, and what becomes a space before all else. */
  static kinds: usize = 0;
  static hasSpaces: bool = false;
  static hasCharsmap: bool = false;
  static joinsSpaces: bool = false;
  static splitsAtWhiteSpace: bool = false;
  /** Words with their marks, `[WORK_BYTES]`. */
  static marked: usize = 0;
  /** Of the best path to each byte of a word, 16 bytes: its score, where its last piece begins, that piece's id. */
  static paths: usize = 0;
}

const SPACE: u32 = 0x20;
const IS_WHITE: u32 = 1;
const BECOMES_SPACE: u32 = 2;
// U+2581 in UTF-8 as a little-endian number.
const MARK: u32 = 0x8196e2;
const NOWHERE: u32 = 0xffff_ffff;

export function unigram(chunkStart: usize, chunkEnd: usize): i32 {
  let start = chunkStart;
  let end = chunkEnd;
  if (Unigram.hasSpaces && becomesSpaces(start, end)) return ODD;
  if (Unigram.hasCharsmap && touches(start, end)) {
    const length = apply(start, end, Found.work, WORK_BYTES - 256);
    if (length < 0) return ODD;
    start = Found.work;
    end = start + <usize>length;
  }
  const length = Unigram.splitsAtWhiteSpace ? markWords(start, end) : markText(start, end);
  if (length < 0) return ODD;
  const marked = Unigram.marked;
  Found.count = 0;
  let wordStart: usize = 0;
  for (let at: usize = 1; at <= <usize>length; at++) {
    if (at < <usize>length && !isMark(marked + at)) continue;
    addWord(marked + wordStart, marked + at);
    wordStart = at;
  }
  return Found.count;
}

function isMark(at: usize): bool {
  return (load<u32>(at) & 0xffffff) == MARK;
}

function addMark(at: usize): usize {
  store<u16>(at, <u16>MARK);
  store<u8>(at, <u8>(MARK >> 16), 2);
  return at + 3;
}

function becomesSpaces(start: usize, end: usize): bool {
  for (let at = start; at < end; at++)
    if (load<u8>(at) >= 0xc0 && ((<u32>load<u8>(Unigram.kinds + codePointAt(at))) & BECOMES_SPACE) != 0) return true;
  return false;
}

/** Marks spaces, and the beginning where there is none; the length, or -1 where it is too much. */
function markText(start: usize, end: usize): i32 {
  if ((end - start + 1) * 4 > WORK_BYTES) return -1;
  let to = Unigram.marked;
  if (start < end && load<u8>(start) != SPACE && !isMarkWithin(start, end)) to = addMark(to);
  let previous: u32 = 0;
  for (let at = start; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte != SPACE) {
      store<u8>(to, <u8>byte);
      to++;
    } else if (!Unigram.joinsSpaces || previous != SPACE) to = addMark(to);
    previous = byte;
  }
  return <i32>(to - Unigram.marked);
}

function isMarkWithin(at: usize, end: usize): bool {
  return at + 3 <= end && isMark(at);
}

/** Marks the beginning of each word that has no mark; white space is dropped. */
function markWords(start: usize, end: usize): i32 {
  if ((end - start + 1) * 4 > WORK_BYTES) return -1;
  let to = Unigram.marked;
  let isInside = false;
  for (let at = start; at < end;) {
    const lead: u32 = load<u8>(at);
    const size = characterLength(lead);
    const codePoint = lead < 0x80 ? lead : codePointAt(at);
    if (((<u32>load<u8>(Unigram.kinds + codePoint)) & IS_WHITE) != 0) isInside = false;
    else {
      if (!isInside && !isMarkWithin(at, end)) to = addMark(to);
      isInside = true;
      for (let index: u32 = 0; index < size; index++) store<u8>(to + index, load<u8>(at + index));
      to += size;
    }
    at += size;
  }
  return <i32>(to - Unigram.marked);
}

/** The segmentation of highest probability, by Viterbi over bytes; of equal paths the first one found stays. */
function addWord(word: usize, wordEnd: usize): void {
  const length = <u32>(wordEnd - word);
  const paths = Unigram.paths;
  for (let at: u32 = 0; at <= length; at++) store<u32>(paths + ((<usize>at) << 4), NOWHERE, 8);
  store<f64>(paths, 0);
  for (let start: u32 = 0; start < length;) {
    const size = characterLength(load<u8>(word + start));
    const scoreHere = load<f64>(paths + ((<usize>start) << 4));
    let hasCharacter = false;
    let node: u32 = 0;
    for (let end = start; end < length;) {
      node = child(node, load<u8>(word + end));
      if (node == NO_NODE) break;
      end++;
      const token = tokenAt(node);
      if (token == 0) continue;
      offer(start, end, token - 1, load<f64>(Unigram.scores + ((<usize>(token - 1)) << 3)) + scoreHere);
      if (end - start == size) hasCharacter = true;
    }
    if (!hasCharacter) offer(start, start + size, Unigram.unkTokenId, Unigram.unkScore + scoreHere);
    start += size;
  }
  writePath(length);
}

function offer(start: u32, end: u32, id: u32, score: f64): void {
  const path = Unigram.paths + ((<usize>end) << 4);
  if (load<u32>(path, 8) != NOWHERE && score <= load<f64>(path)) return;
  store<f64>(path, score);
  store<u32>(path, start, 8);
  store<u32>(path, id, 12);
}

/** Pushes the ids of the best path; unknown characters next to each other are one unknown token. */
function writePath(length: u32): void {
  const first = Found.count;
  let isUnknown = false;
  for (let end = length; end > 0;) {
    const path = Unigram.paths + ((<usize>end) << 4);
    const id = load<u32>(path, 12);
    if (!(isUnknown && id == Unigram.unkTokenId)) push(id);
    isUnknown = id == Unigram.unkTokenId;
    end = load<u32>(path, 8);
  }
  // It was followed from the end.
  let left = wordAt(Found.ids, first);
  let right = wordAt(Found.ids, Found.count) - 4;
  for (; left < right; left += 4, right -= 4) {
    const id = load<u32>(left);
    store<u32>(left, load<u32>(right));
    store<u32>(right, id);
  }
}

export function setUnigram(
  scores: usize,
  unkTokenId: u32,
  unkScore: f64,
  kinds: usize,
  hasSpaces: u32,
  hasCharsmap: u32,
  joinsSpaces: u32,
  splitsAtWhiteSpace: u32,
  marked: usize,
  paths: usize,
): void {
  Unigram.scores = scores;
  Unigram.unkTokenId = unkTokenId;
  Unigram.unkScore = unkScore;
  Unigram.kinds = kinds;
  Unigram.hasSpaces = hasSpaces != 0;
  Unigram.hasCharsmap = hasCharsmap != 0;
  Unigram.joinsSpaces = joinsSpaces != 0;
  Unigram.splitsAtWhiteSpace = splitsAtWhiteSpace != 0;
  Unigram.marked = marked;
  Unigram.paths = paths;
}
