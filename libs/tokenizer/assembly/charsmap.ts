import { classifyGrapheme } from './host';
import { word } from './words';
import { characterLength, codePointAt } from './utf8';

/** SentencePiece's precompiled character map: a double array and the texts that it leads to. */
class Charsmap {
  static units: usize = 0;
  static unitCount: u32 = 0;
  static replacements: usize = 0;
  static replacementsEnd: usize = 0;
  /** By code point, whether it is a grapheme by itself whatever is next to it: 0 not known yet, SOLITARY, or another. */
  static graphemes: usize = 0;
}

const SOLITARY: u32 = 1;
const NOWHERE: i32 = -1;

function unitAt(position: u32): u32 {
  return position < Charsmap.unitCount ? word(Charsmap.units, position) : 0;
}

function unitOffset(unit: u32): u32 {
  return (unit >> 10) << ((unit & 0x200) >> 6);
}

/** Where the replacement of the shortest entry that the bytes begin with lies, or -1. */
function find(start: usize, end: usize): i32 {
  let position = unitOffset(unitAt(0));
  for (let at = start; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == 0) return NOWHERE;
    position ^= byte;
    const unit = unitAt(position);
    if ((unit & 0x800000ff) != byte) return NOWHERE;
    position ^= unitOffset(unit);
    if (((unit >> 8) & 1) == 1) return <i32>(unitAt(position) & 0x7fffffff);
  }
  return NOWHERE;
}

/** Whether anything in the bytes may be replaced: what no entry begins like stays as it is. */
export function touches(start: usize, end: usize): bool {
  for (let at = start; at < end; at += characterLength(load<u8>(at))) if (find(at, end) >= 0) return true;
  return false;
}

/**
 * Replaces what the map says in text whose characters are graphemes by themselves.
 * @returns the length of what it wrote, or -1 where there are other graphemes or too much text
 */
export function apply(start: usize, end: usize, output: usize, capacity: u32): i32 {
  let to = output;
  for (let at = start; at < end;) {
    const size = characterLength(load<u8>(at));
    if (to - output > capacity || !isSolitary(codePointAt(at))) return -1;
    const found = find(at, at + size);
    if (found < 0) {
      for (let index: u32 = 0; index < size; index++) store<u8>(to + index, load<u8>(at + index));
      to += size;
    } else {
      let from = Charsmap.replacements + found;
      for (; from < Charsmap.replacementsEnd && load<u8>(from) != 0; from++) {
        // A replacement as long as the whole output is no map's.
        if (to - output > capacity + 200) return -1;
        store<u8>(to, load<u8>(from));
        to++;
      }
    }
    at += size;
  }
  return <i32>(to - output);
}

function isSolitary(codePoint: u32): bool {
  let kind: u32 = load<u8>(Charsmap.graphemes + codePoint);
  if (kind == 0) {
    kind = classifyGrapheme(codePoint);
    store<u8>(Charsmap.graphemes + codePoint, <u8>kind);
  }
  return kind == SOLITARY;
}

export function setCharsmap(
  units: usize,
  unitCount: u32,
  replacements: usize,
  replacementsEnd: usize,
  graphemes: usize,
): void {
  Charsmap.units = units;
  Charsmap.unitCount = unitCount;
  Charsmap.replacements = replacements;
  Charsmap.replacementsEnd = replacementsEnd;
  Charsmap.graphemes = graphemes;
}
