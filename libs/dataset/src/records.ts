import { DatasetError } from './error.ts';
import { readParquet } from './parquet.ts';
import { columnsOf, optionalColumnsOf, type RecordFields } from './record-fields.ts';
import { createRowCutter, formatOf, type DatasetFormat } from './record-format.ts';
import { RecordParser, RowReader, type RowOptions } from './record-parser.ts';
import { cutPieces, type RowPiece } from './row-piece.ts';
import { isSquadFile, readSquadRows } from './squad-file.ts';
import { readChunks, type DatasetSource } from './source.ts';

/** One example. */
export interface DatasetRecord extends RecordFields {
  /** Position among the records that were not left out, from 0. */
  readonly index: number;
  /** Row (line, element) of the file, from 1. */
  readonly row: number;
}

export interface PieceOptions {
  /** Where not given, the extension of the source's name decides. */
  readonly format?: DatasetFormat;
  /** Told how many bytes of the file were read. */
  readonly onRead?: (bytes: number) => void;
}

export interface ReadOptions extends RowOptions, PieceOptions {}

/**
 * Reads records one after another.
 * @throws DatasetError; EMPTY when the file holds no record, or none but those left out
 */
export async function* readRecords(
  source: DatasetSource,
  options: ReadOptions = {},
): AsyncGenerator<DatasetRecord, void, undefined> {
  const format = options.format ?? formatOf(source.name);
  let index = 0;
  const isSquad = format === 'json' && options.recordKind === 'questions' && (await isSquadFile(source));
  const reader = format === 'parquet' || isSquad ? new RowReader(source.name, options) : undefined;
  const parser = format === 'parquet' || isSquad ? undefined : new RecordParser(source.name, { ...options, format });
  const rowBatches = isSquad ? readSquad : readRows;
  const batches = parser === undefined ? rowBatches(source, options) : readPieces(source, options);
  let row = 0;
  for await (const batch of batches) {
    const records: DatasetRecord[] = [];
    let failure: { error: unknown } | undefined;
    const add = (fields: RecordFields, fieldsRow: number): void => {
      records.push({ index: index + records.length, row: fieldsRow, ...fields });
    };
    try {
      if ('bytes' in batch) row = parser?.parse(batch, row, add) ?? row;
      else
        for (const value of batch.rows) {
          const fields = reader?.read(value, ++row);
          if (fields !== undefined) add(fields, row);
        }
    } catch (error) {
      // The records before it come first.
      failure = { error };
    }
    for (const record of records) yield record;
    index += records.length;
    if (failure !== undefined) throw failure.error as Error;
  }
  if (index > 0) return;
  // A column that no row has is a slip in the call, and no row to leave out.
  const missingColumn = (parser ?? reader)?.missingColumn;
  if (missingColumn !== undefined) throw missingColumn;
  const skippedCount = (parser ?? reader)?.skippedRowCount ?? 0;
  throw new DatasetError(
    'EMPTY',
    source.name,
    skippedCount === 0 ? 'holds no records' : `holds no valid records: all ${skippedCount} rows were left out`,
  );
}

/**
 * Reads a file in pieces of whole rows, for {@link RecordParser}s.
 * @throws DatasetError UNKNOWN_FORMAT for Parquet, whose rows lie in no order of bytes, and what cutting throws
 */
export function readPieces(
  source: DatasetSource,
  options: PieceOptions = {},
): AsyncGenerator<RowPiece, void, undefined> {
  const format = options.format ?? formatOf(source.name);
  if (format === 'parquet')
    throw new DatasetError('UNKNOWN_FORMAT', source.name, 'a Parquet file is not read in pieces of bytes');
  return cutPieces(readChunks(source, options.onRead), source.name, createRowCutter(format, source.name));
}

async function* readSquad(
  source: DatasetSource,
  options: ReadOptions,
): AsyncGenerator<{ readonly rows: readonly unknown[] }, void, undefined> {
  yield { rows: await readSquadRows(source, options, options.onRead) };
}

async function* readRows(
  source: DatasetSource,
  options: ReadOptions,
): AsyncGenerator<{ readonly rows: readonly unknown[] }, void, undefined> {
  const names = { needed: columnsOf(options), optional: optionalColumnsOf(options) };
  for await (const rows of readParquet(source, names, options.onRead ?? (() => undefined))) yield { rows };
}
