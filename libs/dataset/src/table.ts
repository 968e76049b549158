import { parse } from 'csv-parse/sync';
import { DatasetError } from './error.ts';
import { MAX_COLUMN_COUNT } from './limits.ts';
import { parsePlainTable } from './plain-table.ts';
import { markLength, type RowCutter, type RowPiece } from './row-piece.ts';
import type { RowParser, RowVisitor } from './row-parser.ts';
import { reasonOf, show, showNames } from './show.ts';
import { decodeUtf8 } from './utf8.ts';

// Rows are parsed in pieces of about this size: memory stays bounded, and the parser's start-up cost does not show.
const PIECE_BYTES = 256 * 1024;

const LINE_FEED = 0x0a;
const QUOTE = 0x22;

/** A character between the fields of a row. */
export type Delimiter = ',' | '\t';

/**
 * Cuts a table at line feeds outside of quotes into pieces of at least `PIECE_BYTES`. Doubled quotes inside a field
 * (RFC 4180) keep the parity.
 */
export class TableCutter implements RowCutter {
  #isQuoted = false;
  #size = 0;

  *cuts(chunk: Uint8Array): Generator<number, void, undefined> {
    let start = -this.#size;
    // The first line feed from a place on, looked for only once this place has passed it.
    let feed = -1;
    for (let at = 0; at < chunk.length;) {
      const end = positionOf(chunk, QUOTE, at);
      while (!this.#isQuoted) {
        const least = Math.max(at, start + PIECE_BYTES - 1);
        if (least >= end) break;
        if (feed < least) feed = positionOf(chunk, LINE_FEED, least);
        if (feed >= end) break;
        start = at = feed + 1;
        yield start;
      }
      if (end < chunk.length) this.#isQuoted = !this.#isQuoted;
      at = end + 1;
    }
    this.#size = chunk.length - start;
  }

  finish(): boolean {
    return true;
  }
}

/** Where a byte comes next; the end of the chunk where it does not. */
function positionOf(chunk: Uint8Array, byte: number, start: number): number {
  const found = chunk.indexOf(byte, start);
  return found < 0 ? chunk.length : found;
}

/** Rows of a table with a header line (RFC 4180 with the delimiter of choice). */
export class TableParser implements RowParser {
  readonly #fileName: string;
  readonly #delimiter: Delimiter;
  #header: readonly string[] | undefined;

  /** @param header columns, where a parser of the first piece found them */
  constructor(fileName: string, delimiter: Delimiter, header?: readonly string[]) {
    this.#fileName = fileName;
    this.#delimiter = delimiter;
    this.#header = header;
  }

  get header(): readonly string[] | undefined {
    return this.#header;
  }

  get isReady(): boolean {
    return this.#header !== undefined;
  }

  parse(piece: RowPiece, rowsBefore: number, visit: RowVisitor): number {
    const mark = markLength(piece);
    const text = decodeUtf8(piece.bytes.subarray(mark), this.#fileName, piece.offsetBytes + mark);
    let row = rowsBefore;
    for (const values of parsePlainTable(text, this.#delimiter) ?? this.#parseAny(text, rowsBefore)) {
      if (this.#header === undefined) {
        this.#header = checkHeader(values, this.#fileName);
        continue;
      }
      const header = this.#header;
      row++;
      if (values.length !== header.length)
        throw new DatasetError(
          'MALFORMED',
          this.#fileName,
          `row ${row} has ${values.length} fields, the header has ${header.length}: ${showNames(header)}`,
        );
      visit(Object.fromEntries(header.map((column, index) => [column, values[index] ?? ''])), row);
    }
    return row;
  }

  #parseAny(text: string, rowsBefore: number): string[][] {
    try {
      return parse(text, {
        delimiter: this.#delimiter,
        relax_column_count: true,
        skip_empty_lines: true,
        record_delimiter: ['\r\n', '\n'],
      });
    } catch (cause) {
      throw new DatasetError('MALFORMED', this.#fileName, `in the rows after row ${rowsBefore}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }
}

function checkHeader(columns: readonly string[], fileName: string): readonly string[] {
  if (columns.length > MAX_COLUMN_COUNT)
    throw new DatasetError(
      'TOO_LARGE',
      fileName,
      `${columns.length} columns are over the limit of ${MAX_COLUMN_COUNT}`,
    );
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
  if (repeated !== undefined)
    throw new DatasetError(
      'MALFORMED',
      fileName,
      `column ${show(repeated)} is there twice; there are ${showNames(columns)}`,
    );
  return columns;
}
