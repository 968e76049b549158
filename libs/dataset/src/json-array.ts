import { DatasetError } from './error.ts';
import { MAX_JSON_DEPTH } from './limits.ts';
import type { RowCutter, RowPiece } from './row-piece.ts';
import type { RowParser, RowVisitor } from './row-parser.ts';
import { reasonOf } from './show.ts';
import { decodeUtf8 } from './utf8.ts';

const code = (character: string): number => character.charCodeAt(0);
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT, COMMA, QUOTE, BACKSLASH] = [
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  '\\',
].map(code);

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Cuts one JSON array after the last element that ends in a chunk: the file need not fit into memory. */
export class JsonArrayCutter implements RowCutter {
  readonly #fileName: string;
  readonly #scanner: ArrayScanner;
  #count = 0;

  constructor(fileName: string) {
    this.#fileName = fileName;
    this.#scanner = new ArrayScanner(fileName);
  }

  *cuts(chunk: Uint8Array): Generator<number, void, undefined> {
    let last = 0;
    let failure: unknown;
    try {
      for (let end = this.#scanner.next(chunk, 0); end >= 0; end = this.#scanner.next(chunk, end)) {
        last = end;
        this.#count++;
      }
    } catch (error) {
      failure = error;
    }
    if (last > 0) yield last;
    if (failure !== undefined) throw failure as Error;
  }

  finish(): boolean {
    // What follows the array is white space.
    if (this.#scanner.isClosed) return false;
    throw new DatasetError(
      'MALFORMED',
      this.#fileName,
      `the JSON array is cut off after ${this.#count} whole ${this.#count === 1 ? 'element' : 'elements'}`,
    );
  }
}

/** Elements of one JSON array. */
export class JsonArrayParser implements RowParser {
  readonly header = undefined;
  readonly isReady = true;
  readonly #fileName: string;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  parse(piece: RowPiece, rowsBefore: number, visit: RowVisitor): number {
    const elements = this.#parseAtOnce(piece);
    if (elements === undefined) return this.#parseEach(piece, rowsBefore, visit);
    elements.forEach((element, index) => {
      visit(element, rowsBefore + index + 1);
    });
    return rowsBefore + elements.length;
  }

  /** All elements; undefined where one is wrong. */
  #parseAtOnce({ bytes, offsetBytes }: RowPiece): unknown[] | undefined {
    try {
      const text = decodeUtf8(bytes, this.#fileName, offsetBytes);
      // The last character ended the last element: a comma or the closing bracket.
      const inner = text.slice(offsetBytes === 0 ? text.indexOf('[') + 1 : 0, -1);
      const elements = JSON.parse(`[${inner}]`) as unknown[];
      // Nothing is no element unless the whole array is empty: `[,` and `, ]` are wrong.
      const isEmptyArray = offsetBytes === 0 && bytes.at(-1) === CLOSE_ARRAY;
      return elements.length > 0 || isEmptyArray ? elements : undefined;
    } catch {
      return undefined;
    }
  }

  #parseEach({ bytes, offsetBytes }: RowPiece, rowsBefore: number, visit: RowVisitor): number {
    const scanner = new ArrayScanner(this.#fileName, offsetBytes > 0);
    let row = rowsBefore;
    for (let start = 0, end = scanner.next(bytes, 0); end >= 0; start = end, end = scanner.next(bytes, end)) {
      const text = decodeUtf8(bytes.subarray(start, end), this.#fileName, offsetBytes + start);
      row++;
      let element: unknown;
      try {
        element = JSON.parse(text.slice(offsetBytes + start === 0 ? text.indexOf('[') + 1 : 0, -1));
      } catch (cause) {
        throw new DatasetError(
          'MALFORMED',
          this.#fileName,
          `element ${row} at byte ${offsetBytes + start} is not valid JSON: ${reasonOf(cause)}`,
          { cause },
        );
      }
      visit(element, row);
    }
    return row;
  }
}

/** Follows brackets and strings, byte by byte; JSON's own characters are ASCII and never part of another character. */
class ArrayScanner {
  readonly #fileName: string;
  #depth: number;
  #isString = false;
  #isEscaped = false;
  #isClosed = false;

  /** @param isInside whether scanning begins between two elements, not before the array */
  constructor(fileName: string, isInside = false) {
    this.#fileName = fileName;
    this.#depth = isInside ? 1 : 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Position after the comma or closing bracket that ends the next element; -1 where none ends in this chunk.
   * @throws DatasetError MALFORMED
   */
  next(chunk: Uint8Array, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#isString) {
        at = this.#skipString(chunk, at);
        continue;
      }
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
      if (this.#isClosed) throw new DatasetError('MALFORMED', this.#fileName, 'something follows the JSON array');
      if (this.#depth === 0 && BYTE_ORDER_MARK.includes(byte)) continue;
      if (this.#depth === 0 && byte !== OPEN_ARRAY)
        throw new DatasetError(
          'MALFORMED',
          this.#fileName,
          'is not a JSON array of objects (for one object a line use the jsonl format)',
        );
      if (byte === QUOTE) this.#isString = true;
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#open();
      else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        if (this.#close(byte)) return at + 1;
      } else if (byte === COMMA && this.#depth === 1) return at + 1;
    }
    return -1;
  }

  /** Position of the quote that ends the string, or of the chunk's last byte. */
  #skipString(chunk: Uint8Array, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) {
        this.#isString = false;
        return at;
      }
    }
    return chunk.length - 1;
  }

  #open(): void {
    this.#depth++;
    if (this.#depth > MAX_JSON_DEPTH)
      throw new DatasetError('MALFORMED', this.#fileName, `JSON is nested deeper than the limit of ${MAX_JSON_DEPTH}`);
  }

  #close(byte: number): boolean {
    this.#depth--;
    this.#isClosed = this.#depth === 0;
    // Brackets further in are for the parser of the element to match.
    if (this.#isClosed && byte !== CLOSE_ARRAY)
      throw new DatasetError('MALFORMED', this.#fileName, 'the JSON array is closed with "}"');
    return this.#isClosed;
  }
}
