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
 * order mark at the beginning of the file is left out.
 * @param findEnd looks at one byte after the other; true when a piece ends after this byte
 * @throws DatasetError INVALID_UTF8, TOO_LARGE
 */
export async function* splitPieces(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
  findEnd: (byte: number) => boolean,
): AsyncGenerator<Piece, void, undefined> {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let offset = 0;
  const take = (last: Uint8Array): Piece => {
    const bytes = parts.length === 0 ? last : concatenate([...parts, last], partBytes + last.length);
    const decoded = decodeUtf8(bytes, fileName, offset);
    const text = offset === 0 && decoded.startsWith(BYTE_ORDER_MARK) ? decoded.slice(1) : decoded;
    const piece = { text, offsetBytes: offset };
    offset += bytes.length;
    parts = [];
    partBytes = 0;
    return piece;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      if (findEnd(chunk[index] ?? 0)) {
        yield take(chunk.subarray(start, index + 1));
        start = index + 1;
      }
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    partBytes += chunk.length - start;
    if (partBytes > MAX_RECORD_BYTES)
      throw new DatasetError(
        'TOO_LARGE',
        fileName,
        `the record at byte ${offset} is over the limit of ${MAX_RECORD_BYTES} bytes`,
      );
  }
  if (partBytes === 0) return;
  const last = take(new Uint8Array());
  if (last.text !== '') yield last;
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

/** Lines without their line ends. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
): AsyncGenerator<Piece, void, undefined> {
  for await (const { text, offsetBytes } of splitPieces(chunks, fileName, (byte) => byte === LINE_FEED)) {
    yield { text: text.replace(/\r?\n$/, ''), offsetBytes };
  }
}

/**
 * Pieces of a table of at least `minBytes` that end between two rows: at a line feed outside of quotes. Doubled quotes
 * inside a field (RFC 4180) keep the parity.
 */
export function splitTable(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
  minBytes: number,
): AsyncGenerator<Piece, void, undefined> {
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
