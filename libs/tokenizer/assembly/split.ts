import { setWord, word } from './words';
import { characterLength, codePointAt } from './utf8';

/** The pieces of a chunk, as the pattern of a family splits it. */
export class Split {
  static family: u32 = 0;
  /** By code point, the classes below that it is in. */
  static bits: usize = 0;
  /** Code points of the chunk, `[MAX_CHUNK_BYTES]`, and the place of each and of the end. */
  static codePoints: usize = 0;
  static places: usize = 0;
  /** Where pieces end, as indices of code points. */
  static ends: usize = 0;
  static pieceCount: u32 = 0;
}

/** Families, in the order of SPLIT_FAMILIES. */
export const GPT2: u32 = 0;
export const CL100K: u32 = 1;
export const QWEN: u32 = 2;
export const O200K: u32 = 3;
export const DEEPSEEK: u32 = 4;
export const GPT2_DIGITS: u32 = 5;

// Classes of characters, as in `character-bits.ts`.
const LETTER: u32 = 1;
const NUMBER: u32 = 2;
const SPACE: u32 = 4;
const UPPER: u32 = 8;
const LOWER: u32 = 16;
const SYMBOL: u32 = 32;
const MARK: u32 = 64;
const IDEOGRAPH: u32 = 128;
// Of the family of digits, which has no use for UPPER.
const NUMERIC: u32 = 8;

const APOSTROPHE: u32 = 0x27;
const SLASH: u32 = 0x2f;
const BLANK: u32 = 0x20;
const LONG_S: u32 = 0x17f;

function codePoint(at: u32): u32 {
  return word(Split.codePoints, at);
}

function is(at: u32, bits: u32): bool {
  return ((<u32>load<u8>(Split.bits + codePoint(at))) & bits) != 0;
}

function isNewline(character: u32): bool {
  return character == 10 || character == 13;
}

function addPiece(end: u32): void {
  setWord(Split.ends, Split.pieceCount, end);
  Split.pieceCount++;
}

/** Where in memory a piece ends. */
export function pieceEnd(piece: u32): usize {
  return word(Split.places, word(Split.ends, piece));
}

export function split(start: usize, end: usize): void {
  let count: u32 = 0;
  for (let at = start; at < end; at += characterLength(load<u8>(at))) {
    setWord(Split.places, count, <u32>at);
    setWord(Split.codePoints, count, codePointAt(at));
    count++;
  }
  setWord(Split.places, count, <u32>end);
  Split.pieceCount = 0;
  if (Split.family == DEEPSEEK) splitLikeDeepSeek(count);
  else if (Split.family == GPT2_DIGITS) splitAtDigits(count);
  else
    for (let at: u32 = 0; at < count;) {
      at = nextPiece(at, count);
      addPiece(at);
    }
}

/** Each digit, and what GPT-2's pattern makes of each part between them, as if that were a text. */
function splitAtDigits(count: u32): void {
  for (let at: u32 = 0; at < count;) {
    if (is(at, NUMERIC)) {
      addPiece(++at);
      continue;
    }
    let end = at + 1;
    while (end < count && !is(end, NUMERIC)) end++;
    while (at < end) {
      at = nextPiece(at, end);
      addPiece(at);
    }
  }
}

function nextPiece(at: u32, count: u32): u32 {
  const isGpt2 = Split.family == GPT2 || Split.family == GPT2_DIGITS;
  const isO200k = Split.family == O200K;
  const first = codePoint(at);
  if (isO200k) {
    const end = casedWordEnd(at, count);
    if (end > at) return end;
  } else {
    const end = first == APOSTROPHE ? contractionEnd(at, count, !isGpt2) : at;
    if (end > at) return end;
    const canLead = isGpt2 ? first == BLANK : !is(at, LETTER | NUMBER) && !isNewline(first);
    const word = canLead && at + 1 < count && is(at + 1, LETTER) ? at + 1 : at;
    if (is(word, LETTER)) return runEnd(word, count, LETTER);
  }
  if (is(at, NUMBER)) {
    const most: u32 = isGpt2 ? count : at + (Split.family == QWEN ? 1 : 3);
    return runEnd(at, min(count, most), NUMBER);
  }
  if (isGpt2 && first == BLANK && at + 1 < count && is(at + 1, NUMBER)) return runEnd(at + 1, count, NUMBER);
  const other = first == BLANK && at + 1 < count && !is(at + 1, SPACE | LETTER | NUMBER) ? at + 1 : at;
  if (is(other, SPACE | LETTER | NUMBER)) return spaceEnd(at, count, !isGpt2);
  let end = other + 1;
  while (end < count && !is(end, SPACE | LETTER | NUMBER)) end++;
  if (isGpt2) return end;
  while (end < count && (isNewline(codePoint(end)) || (isO200k && codePoint(end) == SLASH))) end++;
  return end;
}

function runEnd(at: u32, count: u32, bits: u32): u32 {
  let end = at + 1;
  while (end < count && is(end, bits)) end++;
  return end;
}

/** `\s*[\r\n]+`, `\s+(?!\S)`, `\s+`, the first where it takes newlines. */
function spaceEnd(at: u32, count: u32, takesNewlines: bool): u32 {
  let end = at;
  let afterNewline: u32 = 0;
  for (; end < count && is(end, SPACE); end++) if (isNewline(codePoint(end))) afterNewline = end + 1;
  if (takesNewlines && afterNewline > 0) return afterNewline;
  return end == count || end - at == 1 ? end : end - 1;
}

function fold(character: u32, ignoresCase: bool): u32 {
  // The long s folds to s.
  if (ignoresCase && character == LONG_S) return 0x73;
  return ignoresCase && character >= 0x41 && character <= 0x5a ? character | 0x20 : character;
}

/** `'s|'t|'re|'ve|'m|'ll|'d`; `at` where there is none. */
function contractionEnd(at: u32, count: u32, ignoresCase: bool): u32 {
  if (at + 1 >= count || codePoint(at) != APOSTROPHE) return at;
  const second = fold(codePoint(at + 1), ignoresCase);
  // s, t, m, d
  if (second == 0x73 || second == 0x74 || second == 0x6d || second == 0x64) return at + 2;
  if (at + 2 >= count) return at;
  const third = fold(codePoint(at + 2), ignoresCase);
  // re, ve, ll
  return ((second == 0x72 || second == 0x76) && third == 0x65) || (second == 0x6c && third == 0x6c) ? at + 3 : at;
}

/** The first two alternatives of o200k; `at` where neither matches. */
function casedWordEnd(at: u32, count: u32): u32 {
  const canLead = !is(at, LETTER | NUMBER) && !isNewline(codePoint(at));
  for (let pass = 0; pass < 2; pass++) {
    for (let lead: u32 = canLead ? 1 : 0; ; lead--) {
      const start = at + lead;
      let upperEnd = start;
      while (upperEnd < count && is(upperEnd, UPPER)) upperEnd++;
      let end: u32 = 0;
      if (pass == 0) {
        if (upperEnd < count && is(upperEnd, LOWER)) end = runEnd(upperEnd, count, LOWER);
        else {
          // Back to the last character that is both.
          let last = upperEnd;
          while (last > start && !is(last - 1, LOWER)) last--;
          if (last > start) end = last;
        }
      } else if (upperEnd > start) {
        end = upperEnd;
        while (end < count && is(end, LOWER)) end++;
      }
      if (end > 0) return contractionEnd(end, count, true);
      if (lead == 0) break;
    }
  }
  return at;
}

const MAX_DIGITS: u32 = 3;

/** DeepSeek's three patterns: digits, then Chinese and Japanese, then words in what is left and in the pieces of the second. */
function splitLikeDeepSeek(count: u32): void {
  for (let at: u32 = 0; at < count;) {
    let end = at + 1;
    if (is(at, NUMBER)) {
      while (end < count && end < at + MAX_DIGITS && is(end, NUMBER)) end++;
      addPiece(end);
    } else {
      const isIdeograph = is(at, IDEOGRAPH);
      while (end < count && !is(end, NUMBER) && is(end, IDEOGRAPH) == isIdeograph) end++;
      splitWords(at, end);
    }
    at = end;
  }
}

/** The third pattern; characters that it does not match are pieces between its matches. */
function splitWords(start: u32, count: u32): void {
  let hasGap = false;
  for (let at = start; at < count;) {
    const end = deepSeekWordEnd(at, count);
    if (end == at) {
      hasGap = true;
      at++;
      continue;
    }
    if (hasGap) addPiece(at);
    hasGap = false;
    addPiece(end);
    at = end;
  }
  if (hasGap) addPiece(count);
}

/** End of the match at `at`; `at` where there is none. */
function deepSeekWordEnd(at: u32, count: u32): u32 {
  const first = codePoint(at);
  if (isAsciiPunctuation(first) && at + 1 < count && isAsciiLetter(codePoint(at + 1))) {
    let end = at + 2;
    while (end < count && isAsciiLetter(codePoint(end))) end++;
    return end;
  }
  const canLead = !is(at, LETTER | SYMBOL) && !isNewline(first) && at + 1 < count;
  const word = canLead && is(at + 1, LETTER | MARK) ? at + 1 : at;
  if (is(word, LETTER | MARK)) return runEnd(word, count, LETTER | MARK);
  const symbol = first == BLANK && at + 1 < count && is(at + 1, SYMBOL) ? at + 1 : at;
  if (is(symbol, SYMBOL)) {
    let end = runEnd(symbol, count, SYMBOL);
    while (end < count && isNewline(codePoint(end))) end++;
    return end;
  }
  return is(at, SPACE) ? spaceEnd(at, count, true) : at;
}

function isAsciiLetter(character: u32): bool {
  return (character >= 0x41 && character <= 0x5a) || (character >= 0x61 && character <= 0x7a);
}

function isAsciiPunctuation(character: u32): bool {
  return character > 0x20 && character < 0x7f && !isAsciiLetter(character) && !(character >= 0x30 && character <= 0x39);
}

export function setSplit(family: u32, bits: usize, codePoints: usize, places: usize, ends: usize): void {
  Split.family = family;
  Split.bits = bits;
  Split.codePoints = codePoints;
  Split.places = places;
  Split.ends = ends;
}
