import { Found, ODD, push, WORK_BYTES } from './found';
import { normalizeCharacter } from './host';
import { child, NO_NODE, tokenAt } from './trie';
import { wordAt } from './words';
import { characterLength, codePointAt } from './utf8';

/** WordPiece behind BertNormalizer and BertPreTokenizer. */
class WordPiece {
  /**
   * By code point, 4 bytes: 0 where it is not known yet, -1 where it stays as it is, -2 where canonical order may move it,
   * otherwise where in `replacements` its length in bytes and its replacement are.
   */
  static places: usize = 0;
  static replacements: usize = 0;
  /** By code point, what of the below it is after normalization. */
  static kinds: usize = 0;
  /** Node of the trie that continuations begin at; NO_NODE where there are none. */
  static continuation: u32 = 0;
  static maxCharacters: u32 = 0;
  static unkTokenId: u32 = 0;
}

const WORD: u32 = 0;
const PUNCTUATION: u32 = 2;
const UNCHANGED: i32 = -1;
const MOVABLE: i32 = -2;

export function wordPiece(start: usize, end: usize): i32 {
  const length = normalize(start, end);
  if (length < 0) return ODD;
  const textEnd = Found.work + <usize>length;
  Found.count = 0;
  let wordStart = Found.work;
  let characterCount: u32 = 0;
  for (let at = Found.work; at < textEnd;) {
    const lead: u32 = load<u8>(at);
    const size = characterLength(lead);
    const kind: u32 = load<u8>(WordPiece.kinds + (lead < 0x80 ? lead : codePointAt(at)));
    if (kind == WORD) characterCount++;
    else {
      if (wordStart < at) addWord(wordStart, at, characterCount);
      if (kind == PUNCTUATION) addWord(at, at + size, 1);
      wordStart = at + size;
      characterCount = 0;
    }
    at += size;
  }
  if (wordStart < textEnd) addWord(wordStart, textEnd, characterCount);
  return Found.count;
}

/** Writes the normalized chunk to the work; its length, or -1 where the pipeline has to. */
function normalize(start: usize, end: usize): i32 {
  let to = Found.work;
  const toLimit = Found.work + WORK_BYTES - 256;
  for (let at = start; at < end;) {
    const lead: u32 = load<u8>(at);
    const size = characterLength(lead);
    const codePoint = lead < 0x80 ? lead : codePointAt(at);
    let place = load<i32>(wordAt(WordPiece.places, codePoint));
    if (place == 0) {
      place = normalizeCharacter(codePoint);
      store<i32>(wordAt(WordPiece.places, codePoint), place);
    }
    if (place == MOVABLE || to > toLimit) return -1;
    let from = at;
    let count: usize = size;
    if (place != UNCHANGED) {
      from = WordPiece.replacements + place + 1;
      count = load<u8>(WordPiece.replacements + place);
    }
    // Almost always a byte or two: a loop is faster than a copy of memory.
    for (let index: usize = 0; index < count; index++) store<u8>(to + index, load<u8>(from + index));
    to += count;
    at += size;
  }
  return <i32>(to - Found.work);
}

function addWord(start: usize, end: usize, characterCount: u32): void {
  const countBefore = Found.count;
  for (let at = start; at < end && characterCount <= WordPiece.maxCharacters;) {
    let node: u32 = 0;
    let isGoing = true;
    if (at != start) {
      node = WordPiece.continuation;
      isGoing = node != NO_NODE;
    }
    let token: u32 = 0;
    let tokenEnd = at;
    for (let next = at; next < end && isGoing;) {
      node = child(node, load<u8>(next));
      next++;
      if (node == NO_NODE) break;
      const value = tokenAt(node);
      if (value == 0) continue;
      token = value;
      tokenEnd = next;
    }
    if (token == 0) break;
    push(token - 1);
    at = tokenEnd;
    if (at == end) return;
  }
  // One part that is not known makes the whole word unknown.
  Found.count = countBefore;
  push(WordPiece.unkTokenId);
}

export function setWordPiece(
  places: usize,
  replacements: usize,
  kinds: usize,
  continuation: u32,
  maxCharacters: u32,
  unkTokenId: u32,
): void {
  WordPiece.places = places;
  WordPiece.replacements = replacements;
  WordPiece.kinds = kinds;
  WordPiece.continuation = continuation;
  WordPiece.maxCharacters = maxCharacters;
  WordPiece.unkTokenId = unkTokenId;
}
