import { DatasetError } from './error.ts';
import { MAX_RECORD_BYTES } from './limits.ts';

/** Whole rows of a file, not yet parsed: what one thread can work on while another reads on. */
export interface RowPiece {
  readonly bytes: Uint8Array;
  /** Where it begins in the (decompressed) file. */
  readonly offsetBytes: number;
}

/** Finds where a file can be cut between two rows, looking at its chunks one after another. */
export interface RowCutter {
  /**
   * Positions in the next chunk, ascending, each after the end of a row.
   * @throws DatasetError where the file is not as it must be; after the cuts before that place
   */
  cuts(chunk: Uint8Array): Iterable<number>;
  /**
   * Whether what follows the last cut are rows too, which only lack their end.
   * @throws DatasetError where the file must not end here
   */
  finish(): boolean;
}

/**
 * Cuts the bytes of a file into pieces of whole rows.
 * @throws DatasetError TOO_LARGE for a row over the limit, and what the cutter throws
 */
export async function* cutPieces(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
  cutter: RowCutter,
): AsyncGenerator<RowPiece, void, undefined> {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let offsetBytes = 0;
  const take = (last: Uint8Array): RowPiece => {
    const bytes = parts.length === 0 ? last : concatenate([...parts, last], partBytes + last.length);
    const piece = { bytes, offsetBytes };
    offsetBytes += bytes.length;
    parts = [];
    partBytes = 0;
    return piece;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (const end of cutter.cuts(chunk)) {
      yield take(chunk.subarray(start, end));
      start = end;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    partBytes += chunk.length - start;
    if (partBytes > MAX_RECORD_BYTES)
      throw new DatasetError(
        'TOO_LARGE',
        fileName,
        `the record at byte ${offsetBytes} is over the limit of ${MAX_RECORD_BYTES} bytes`,
      );
  }
  if (cutter.finish() && partBytes > 0) yield take(new Uint8Array());
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

/** Bytes of the byte order mark that a file begins with: it belongs to no row. */
export function markLength({ bytes, offsetBytes }: RowPiece): number {
  return offsetBytes === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
