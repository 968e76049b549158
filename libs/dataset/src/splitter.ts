import { DatasetError } from './error.ts';
import { MAX_RECORD_BYTES } from './limits.ts';
import { decodeUtf8 } from './utf8.ts';

/** A piece of a file that holds whole records. */
export interface Piece {
  readonly text: string;
  /** Where it begins in the (decompressed) file. */
  readonly offsetBytes: number;
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Cuts bytes into pieces that end where `findEnd` says, decoding each on its own so that memory stays bounded. A byte
 * order mark at the beginning of the file is left out. Pieces come in one iterable for each chunk, to be gone through before
 * the next: a wait for every short line would cost more than reading it.
 * @param findEnd looks at one byte after the other; true when a piece ends after this byte
 * @throws DatasetError INVALID_UTF8, TOO_LARGE
 */
export async function* splitPieces(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
  findEnd: (byte: number) => boolean,
): AsyncGenerator<Iterable<Piece>, void, undefined> {
  const splitter = new Splitter(fileName, findEnd);
  for await (const chunk of chunks) yield splitter.pieces(chunk);
  yield splitter.rest();
}

class Splitter {
  readonly #fileName: string;
  readonly #findEnd: (byte: number) => boolean;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #offset = 0;

  constructor(fileName: string, findEnd: (byte: number) => boolean) {
    this.#fileName = fileName;
    this.#findEnd = findEnd;
  }

  /** Pieces that end within a chunk. */
  *pieces(chunk: Uint8Array): Generator<Piece, void, undefined> {
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      if (this.#findEnd(chunk[index] ?? 0)) {
        yield this.#take(chunk.subarray(start, index + 1));
        start = index + 1;
      }
    }
    if (start === chunk.length) return;
    this.#parts.push(chunk.subarray(start));
    this.#partBytes += chunk.length - start;
    if (this.#partBytes > MAX_RECORD_BYTES)
      throw new DatasetError(
        'TOO_LARGE',
        this.#fileName,
        `the record at byte ${this.#offset} is over the limit of ${MAX_RECORD_BYTES} bytes`,
      );
  }

  /** What comes after the last end. */
  *rest(): Generator<Piece, void, undefined> {
    if (this.#partBytes === 0) return;
    const last = this.#take(new Uint8Array());
    if (last.text !== '') yield last;
  }

  #take(last: Uint8Array): Piece {
    const bytes = this.#parts.length === 0 ? last : concatenate([...this.#parts, last], this.#partBytes + last.length);
    const offsetBytes = this.#offset;
    const decoded = decodeUtf8(bytes, this.#fileName, offsetBytes);
    this.#offset += bytes.length;
    this.#parts = [];
    this.#partBytes = 0;
    const hasMark = offsetBytes === 0 && decoded.startsWith(BYTE_ORDER_MARK);
    return { text: hasMark ? decoded.slice(1) : decoded, offsetBytes };
  }
}

function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Lines with their line ends. */
export function splitLines(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
): AsyncGenerator<Iterable<Piece>, void, undefined> {
  return splitPieces(chunks, fileName, (byte) => byte === LINE_FEED);
}

/** A line without its line feed, or its carriage return and line feed. */
export function withoutLineEnd(line: string): string {
  if (!line.endsWith('\n')) return line;
  return line.slice(0, line.endsWith('\r\n') ? -2 : -1);
}

/**
 * Pieces of a table of at least `minBytes` that end between two rows: at a line feed outside of quotes. Doubled quotes
 * inside a field (RFC 4180) keep the parity.
 */
export function splitTable(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
  minBytes: number,
): AsyncGenerator<Iterable<Piece>, void, undefined> {
  let isQuoted = false;
  let size = 0;
  return splitPieces(chunks, fileName, (byte) => {
    size++;
    if (byte === QUOTE) isQuoted = !isQuoted;
    if (byte !== LINE_FEED || isQuoted || size < minBytes) return false;
    size = 0;
    return true;
  });
}
