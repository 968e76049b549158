import { DatasetError } from './error.ts';
import { MAX_JSON_DEPTH } from './limits.ts';
import { reasonOf } from './show.ts';
import { splitPieces, type Piece } from './splitter.ts';

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

/**
 * Elements of one JSON array, parsed one at a time: the file need not fit into memory.
 * @throws DatasetError MALFORMED when it is no array or is cut off
 */
export async function* readJsonArray(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
): AsyncGenerator<Iterable<unknown>, void, undefined> {
  const scanner = new ArrayScanner(fileName);
  let count = 0;
  function* elements(pieces: Iterable<Piece>): Generator<unknown, void, undefined> {
    for (const { text, offsetBytes } of pieces) {
      // What is left at the end without an end of its own: white space after the array, or the beginning of an element.
      if (!scanner.isAtEnd) return;
      const element = text.slice(count === 0 ? text.indexOf('[') + 1 : 0, -1);
      if (count === 0 && scanner.isClosed && element.trim() === '') return;
      count++;
      yield parse(element, fileName, offsetBytes, count);
    }
  }
  for await (const pieces of splitPieces(chunks, fileName, (byte) => scanner.isElementEnd(byte)))
    yield elements(pieces);
  if (!scanner.isClosed)
    throw new DatasetError(
      'MALFORMED',
      fileName,
      `the JSON array is cut off after ${count} whole ${count === 1 ? 'element' : 'elements'}`,
    );
}

function parse(text: string, fileName: string, offsetBytes: number, number: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DatasetError(
      'MALFORMED',
      fileName,
      `element ${number} at byte ${offsetBytes} is not valid JSON: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

/** Follows brackets and strings, byte by byte; JSON's own characters are ASCII and never part of another character. */
class ArrayScanner {
  readonly #fileName: string;
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #isClosed = false;
  #isAtEnd = false;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the last byte ended an element. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Whether the element of the outermost array ends with this byte: its comma or the closing bracket. */
  isElementEnd(byte: number): boolean {
    this.#isAtEnd = this.#isEndByte(byte);
    return this.#isAtEnd;
  }

  #isEndByte(byte: number): boolean {
    if (this.#isString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isString = false;
      return false;
    }
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return false;
    if (this.#isClosed) throw new DatasetError('MALFORMED', this.#fileName, 'something follows the JSON array');
    if (this.#depth === 0 && BYTE_ORDER_MARK.includes(byte)) return false;
    if (this.#depth === 0 && byte !== OPEN_ARRAY)
      throw new DatasetError(
        'MALFORMED',
        this.#fileName,
        'is not a JSON array of objects (for one object a line use the jsonl format)',
      );
    if (byte === QUOTE) this.#isString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#open();
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) return this.#close(byte);
    return byte === COMMA && this.#depth === 1;
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
