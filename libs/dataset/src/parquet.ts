import { parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DatasetError } from './error.ts';
import type { DatasetSource } from './source.ts';

// Rows read at a time: bounds memory where row groups are large.
const ROWS_PER_READ = 4096;

/**
 * Rows of a Parquet file, the named columns only.
 * @throws DatasetError MALFORMED, MISSING_COLUMN
 */
export async function* readParquet(
  source: DatasetSource,
  columns: readonly string[],
  onRead: (bytes: number) => void,
): AsyncGenerator<{ fields: Record<string, unknown>; row: number }, void, undefined> {
  const file: AsyncBuffer = {
    byteLength: source.sizeBytes,
    slice: async (start, end = source.sizeBytes) => {
      const bytes = new Uint8Array(end - start);
      await source.read(start, bytes);
      return bytes.buffer;
    },
  };
  const guard = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    try {
      return await work();
    } catch (cause) {
      throw new DatasetError(
        'MALFORMED',
        source.name,
        `is not a readable Parquet file: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  };
  const metadata = await guard(() => parquetMetadataAsync(file));
  const present = parquetSchema(metadata).children.map((child) => child.element.name);
  for (const column of columns) {
    if (!present.includes(column))
      throw new DatasetError(
        'MISSING_COLUMN',
        source.name,
        `has no column "${column}"; there are ${present.join(', ')}`,
      );
  }
  const rowCount = Number(metadata.num_rows); // a row takes more than a bit, so this is far below 2^53
  for (let rowStart = 0; rowStart < rowCount; rowStart += ROWS_PER_READ) {
    const rowEnd = Math.min(rowCount, rowStart + ROWS_PER_READ);
    const rows = await guard(() =>
      parquetReadObjects({ file, metadata, columns: [...columns], rowStart, rowEnd, compressors }),
    );
    onRead(Math.round((rowEnd / rowCount) * source.sizeBytes));
    for (const [index, fields] of rows.entries()) yield { fields, row: rowStart + index + 1 };
  }
}
