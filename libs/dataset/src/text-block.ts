import { markLength, type RowPiece } from './row-piece.ts';
import { decodeUtf8 } from './utf8.ts';

/** Texts of records as UTF-8, one after the other (structurally `RecordBlock` of `@pemmican/tokenizer`). */
export interface TextBlock {
  /** Valid UTF-8. */
  readonly bytes: Uint8Array;
  /** Where each text begins, and where the last one ends: `[textCount + 1]`, ascending. */
  readonly textOffsets: Uint32Array;
  /** By record, 1 where a second text belongs to it; without it every record has one text. */
  readonly hasPair?: Uint8Array;
  /** By record, the number of its words, each of which is a text of its own. Not beside `hasPair`. */
  readonly wordCounts?: Uint32Array;
}

/** Whether bytes are valid UTF-8: a runtime may have something faster than decoding, e.g. `isUtf8` of `node:buffer`. */
export type Utf8Check = (bytes: Uint8Array) => boolean;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const INITIAL_TEXTS = 1 << 12;

/**
 * The lines of a piece as texts without their line ends: no string is made of them.
 * @throws DatasetError INVALID_UTF8
 */
export function linesToBlock(piece: RowPiece, fileName: string, isUtf8?: Utf8Check): TextBlock {
  const { bytes, offsetBytes } = piece;
  const mark = markLength(piece);
  if (isUtf8?.(bytes) !== true) decodeUtf8(bytes.subarray(mark), fileName, offsetBytes + mark);
  // Lines are found and moved by the runtime: a loop over bytes takes four times as long.
  const target = bytes.slice();
  let offsets = new Uint32Array(INITIAL_TEXTS);
  let [textCount, at] = [0, 0];
  for (let start = mark; start < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const next = feed < 0 ? bytes.length : feed + 1;
    let end = feed < 0 ? next : feed;
    if (feed > start && bytes[feed - 1] === CARRIAGE_RETURN) end--;
    target.copyWithin(at, start, end);
    at += end - start;
    start = next;
    if (textCount + 2 > offsets.length) {
      const larger = new Uint32Array(offsets.length * 2);
      larger.set(offsets);
      offsets = larger;
    }
    offsets[++textCount] = at;
  }
  return { bytes: target.subarray(0, at), textOffsets: offsets.subarray(0, textCount + 1) };
}
