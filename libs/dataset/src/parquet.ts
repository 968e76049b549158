import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DatasetError } from './error.ts';
import { reasonOf, show, showNames } from './show.ts';
import type { DatasetSource } from './source.ts';

// Bytes of the wanted columns that are decoded at a time. Whole row groups where they are smaller: a part of one costs as
// much to decode as all of it where the file has no page index.
const MAX_BYTES_PER_READ = 128 * 1024 * 1024;

// Never lossily: a replaced byte would be trained on.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Rows of a Parquet file, the named columns only; a name such as `translation.de` may lead into a column of objects.
 * @param names `optional` are those of the needed ones that a file may lack
 * @throws DatasetError MALFORMED, MISSING_COLUMN
 */
export async function* readParquet(
  source: DatasetSource,
  names: { readonly needed: readonly string[]; readonly optional: readonly string[] },
  onRead: (bytes: number) => void,
): AsyncGenerator<Record<string, unknown>[], void, undefined> {
  const file: AsyncBuffer = {
    byteLength: source.sizeBytes,
    slice(start, end = source.sizeBytes) {
      const bytes = readSlice(source, start, end);
      // Several are asked for at once, and only the first failure is waited for: the others must not end the process.
      bytes.catch(() => undefined);
      return bytes;
    },
  };
  const guard = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof DatasetError) throw cause;
      throw new DatasetError('MALFORMED', source.name, `is not a readable Parquet file: ${reasonOf(cause)}`, { cause });
    }
  };
  const metadata = await guard(() => parquetMetadataAsync(file));
  const present = parquetSchema(metadata).children.map((child) => child.element.name);
  const wanted = names.needed.filter((name) => !names.optional.includes(name) || present.includes(name));
  const columns = [...new Set(wanted.map((name) => columnOf(name, present, source.name)))];
  const parsers = {
    stringFromBytes: (bytes: Uint8Array | undefined) => {
      try {
        return bytes && strictUtf8.decode(bytes);
      } catch (cause) {
        throw new DatasetError('INVALID_UTF8', source.name, `a text is not valid UTF-8: ${showBytes(bytes)}`, {
          cause,
        });
      }
    },
  };
  for (const { rowStart, rowEnd, bytesRead } of readRanges(metadata, columns, source.sizeBytes)) {
    const rows = await guard(() =>
      parquetReadObjects({
        file,
        metadata,
        columns: [...columns],
        rowStart,
        rowEnd,
        compressors,
        parsers,
        useOffsetIndex: true,
      }),
    );
    if (rows.length !== rowEnd - rowStart)
      throw new DatasetError(
        'MALFORMED',
        source.name,
        `rows ${rowStart + 1} to ${rowEnd} hold ${rows.length} values, not ${rowEnd - rowStart}`,
      );
    onRead(bytesRead);
    yield rows;
  }
}

/** The column that a name means. */
function columnOf(name: string, present: readonly string[], fileName: string): string {
  const [outer = name] = name.split('.');
  const column = [name, outer].find((candidate) => present.includes(candidate));
  if (column !== undefined) return column;
  throw new DatasetError('MISSING_COLUMN', fileName, `has no column ${show(name)}; there are ${showNames(present)}`);
}

async function readSlice(source: DatasetSource, start: number, end: number): Promise<ArrayBuffer> {
  // Offsets come from the file: a damaged one must not decide how much is allocated.
  if (!(start >= 0 && start <= end && end <= source.sizeBytes))
    throw new RangeError(`bytes ${start} to ${end} are not within its ${source.sizeBytes} bytes`);
  const bytes = new Uint8Array(end - start);
  await source.read(start, bytes);
  return bytes.buffer;
}

interface ReadRange {
  readonly rowStart: number;
  readonly rowEnd: number;
  /** Share of the file that is read by then, in bytes. */
  readonly bytesRead: number;
}

/** Row groups, or parts of those that are too large to decode at once. */
function* readRanges(
  metadata: FileMetaData,
  columns: readonly string[],
  sizeBytes: number,
): Generator<ReadRange, void, undefined> {
  const rowCount = Number(metadata.num_rows); // a row takes more than a bit, so this is far below 2^53
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const groupRows = Number(group.num_rows);
    const wanted = group.columns.filter(({ meta_data: meta }) => columns.includes(meta?.path_in_schema[0] ?? ''));
    const bytes = wanted.reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size ?? 0n), 0);
    const rowsPerRead = Math.ceil(groupRows / Math.max(1, Math.ceil(bytes / MAX_BYTES_PER_READ)));
    for (let rowStart = groupStart; rowStart < groupStart + groupRows; rowStart += rowsPerRead) {
      const rowEnd = Math.min(groupStart + groupRows, rowStart + rowsPerRead);
      yield { rowStart, rowEnd, bytesRead: Math.round((rowEnd / rowCount) * sizeBytes) };
    }
    groupStart += groupRows;
  }
}

function showBytes(bytes: Uint8Array | undefined): string {
  return show(new TextDecoder().decode(bytes?.subarray(0, 100)));
}
