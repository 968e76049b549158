import { DatasetError } from './error.ts';
import type { RowCutter, RowPiece } from './row-piece.ts';
import { markLength } from './row-piece.ts';
import type { RowParser, RowVisitor } from './row-parser.ts';
import { reasonOf } from './show.ts';
import { decodeUtf8, utf8Length } from './utf8.ts';

const LINE_FEED = 0x0a;
const OPEN_OBJECT = 0x7b;

/** Cuts after the last line feed of a chunk. */
export class LineCutter implements RowCutter {
  *cuts(chunk: Uint8Array): Generator<number, void, undefined> {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) yield end;
  }

  finish(): boolean {
    return true;
  }
}

/** One text a line. */
export class TextParser implements RowParser {
  readonly header = undefined;
  readonly isReady = true;
  readonly #fileName: string;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  parse(piece: RowPiece, rowsBefore: number, visit: RowVisitor): number {
    let row = rowsBefore;
    visitLines(piece, this.#fileName, (text, start, end) => {
      visit(text.slice(start, end - lineEndLength(text, end)), ++row);
    });
    return row;
  }
}

/** One JSON value a line; blank lines are rows without a value. */
export class JsonLinesParser implements RowParser {
  readonly header = undefined;
  readonly isReady = true;
  readonly #fileName: string;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  parse(piece: RowPiece, rowsBefore: number, visit: RowVisitor): number {
    let row = rowsBefore;
    visitLines(piece, this.#fileName, (text, start, end, offsetOf) => {
      row++;
      const line = text.slice(start, end);
      if (line.charCodeAt(0) !== OPEN_OBJECT && line.trim() === '') return;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch (cause) {
        throw new DatasetError(
          'MALFORMED',
          this.#fileName,
          `line ${row} at byte ${offsetOf(start)} is not valid JSON: ${reasonOf(cause)}`,
          { cause },
        );
      }
      visit(value, row);
    });
    return row;
  }
}

/** Told of a line with its line end: `text.slice(start, end)`. `offsetOf` says where in the file a position lies. */
type LineVisitor = (text: string, start: number, end: number, offsetOf: (position: number) => number) => void;

function visitLines(piece: RowPiece, fileName: string, visit: LineVisitor): void {
  const { bytes, offsetBytes } = piece;
  const mark = markLength(piece);
  let text: string;
  try {
    // All lines at once: a decoder's call for every short line would cost more than reading it.
    text = decodeUtf8(bytes.subarray(mark), fileName, offsetBytes + mark);
  } catch (error) {
    visitLinesBeforeError(piece, mark, fileName, visit);
    throw error;
  }
  const offsetOf = (position: number): number =>
    position === 0 ? offsetBytes : offsetBytes + mark + utf8Length(text.slice(0, position));
  for (let start = 0; start < text.length;) {
    const feed = text.indexOf('\n', start);
    const end = feed < 0 ? text.length : feed + 1;
    visit(text, start, end, offsetOf);
    start = end;
  }
}

/** The lines before the one that is no UTF-8: their own errors come first. */
function visitLinesBeforeError(piece: RowPiece, mark: number, fileName: string, visit: LineVisitor): void {
  const { bytes, offsetBytes } = piece;
  for (let start = mark; start < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.length : feed + 1;
    const text = decodeUtf8(bytes.subarray(start, end), fileName, offsetBytes + start);
    const lineOffset = offsetBytes + (start === mark ? 0 : start);
    visit(text, 0, text.length, () => lineOffset);
    start = end;
  }
}

/** Length of the line feed, or of the carriage return and line feed, before a position; 0 without a line feed. */
function lineEndLength(text: string, end: number): number {
  if (text.charCodeAt(end - 1) !== LINE_FEED) return 0;
  return end > 1 && text.charCodeAt(end - 2) === 0x0d ? 2 : 1;
}
