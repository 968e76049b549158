import { DatasetError, type DatasetErrorCode } from './error.ts';
import { readJsonArray } from './json-array.ts';
import { readParquet } from './parquet.ts';
import { reasonOf, show, showNames } from './show.ts';
import { readChunks, type DatasetSource } from './source.ts';
import { splitLines, withoutLineEnd, type Piece } from './splitter.ts';
import { readTable } from './table.ts';

export const DATASET_FORMATS = ['jsonl', 'json', 'csv', 'tsv', 'text', 'parquet'] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

/** One example. */
export interface DatasetRecord {
  /** Position among the records that were not left out, from 0. */
  readonly index: number;
  /** Row (line, element) of the file, from 1. */
  readonly row: number;
  readonly text: string;
  readonly textPair?: string;
  /** As the file has it: a number or a name; undefined where no label was asked for. */
  readonly label?: number | string;
}

export interface ReadOptions {
  /** Where not given, the extension of the source's name decides. */
  readonly format?: DatasetFormat;
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  /** Not given: records have no label. */
  readonly labelColumn?: string;
  /** Leaves out rows that are no object or whose text or label is missing, instead of failing. */
  readonly skipInvalid?: boolean;
  /** Told of each row that is left out. */
  readonly onSkip?: (row: number) => void;
  /** Told how many bytes of the file were read. */
  readonly onRead?: (bytes: number) => void;
}

const EXTENSIONS: Readonly<Record<string, DatasetFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  txt: 'text',
  parquet: 'parquet',
};

const SKIPPABLE: readonly DatasetErrorCode[] = ['INVALID_TEXT', 'MISSING_LABEL', 'MISSING_COLUMN'];

/** A row before its columns are looked at. */
interface RawRow {
  readonly value: unknown;
  readonly row: number;
}

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
  let skippedCount = 0;
  let missingColumn: DatasetError | undefined;
  for await (const rows of rawRows(source, format, options)) {
    for (const { value, row } of rows) {
      let fields: Omit<DatasetRecord, 'index' | 'row'>;
      try {
        fields = fieldsOf(value, format, source.name, row, options);
      } catch (error) {
        if (options.skipInvalid !== true || !(error instanceof DatasetError) || !SKIPPABLE.includes(error.code))
          throw error;
        if (error.code === 'MISSING_COLUMN') missingColumn ??= error;
        skippedCount++;
        options.onSkip?.(row);
        continue;
      }
      yield { index, row, ...fields };
      index++;
    }
  }
  if (index > 0) return;
  // A column that no row has is a slip in the call, and no row to leave out.
  if (missingColumn !== undefined) throw missingColumn;
  throw new DatasetError(
    'EMPTY',
    source.name,
    skippedCount === 0 ? 'holds no records' : `holds no valid records: all ${skippedCount} rows were left out`,
  );
}

/** @throws DatasetError UNKNOWN_FORMAT */
export function formatOf(fileName: string): DatasetFormat {
  const extension = /\.([A-Za-z0-9]+)$/.exec(fileName.replace(/\.gz$/i, ''))?.[1]?.toLowerCase() ?? '';
  const format = EXTENSIONS[extension];
  if (format === undefined)
    throw new DatasetError(
      'UNKNOWN_FORMAT',
      fileName,
      `extension "${extension}" names no format; known are ${Object.keys(EXTENSIONS).join(', ')}`,
    );
  return format;
}

/** Rows in batches, each to be gone through before the next one. */
async function* rawRows(
  source: DatasetSource,
  format: DatasetFormat,
  options: ReadOptions,
): AsyncGenerator<Iterable<RawRow>, void, undefined> {
  let row = 0;
  function* numbered<Item>(
    items: Iterable<Item>,
    valueOf: (item: Item) => unknown,
  ): Generator<RawRow, void, undefined> {
    for (const item of items) {
      row++;
      const value = valueOf(item);
      if (value !== undefined) yield { value, row };
    }
  }
  const chunks = format === 'parquet' ? undefined : readChunks(source, options.onRead);
  if (chunks === undefined) {
    const columns = [options.textColumn ?? 'text', options.textPairColumn, options.labelColumn];
    const wanted = columns.filter((column) => column !== undefined);
    for await (const rows of readParquet(source, wanted, options.onRead ?? (() => undefined)))
      yield numbered(rows, (fields) => fields);
  } else if (format === 'json') {
    for await (const elements of readJsonArray(chunks, source.name)) yield numbered(elements, (element) => element);
  } else if (format === 'csv' || format === 'tsv') {
    for await (const rows of readTable(chunks, source.name, format === 'csv' ? ',' : '\t'))
      yield numbered(rows, (fields) => fields);
  } else {
    const valueOf =
      format === 'text'
        ? ({ text }: Piece) => withoutLineEnd(text)
        : (piece: Piece) => parseLine(piece, source.name, row);
    for await (const lines of splitLines(chunks, source.name)) yield numbered(lines, valueOf);
  }
}

/** The value of a line of JSONL; undefined for a blank line. */
function parseLine({ text, offsetBytes }: Piece, fileName: string, row: number): unknown {
  try {
    return text.trim() === '' ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new DatasetError(
      'MALFORMED',
      fileName,
      `line ${row} at byte ${offsetBytes} is not valid JSON: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

function fieldsOf(
  value: unknown,
  format: DatasetFormat,
  fileName: string,
  row: number,
  options: ReadOptions,
): Omit<DatasetRecord, 'index' | 'row'> {
  if (format === 'text') return { text: String(value) };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DatasetError('INVALID_TEXT', fileName, `row ${row} is ${show(value)}, expected an object`);
  const fields = value as Record<string, unknown>;
  const text = textOf(fields, options.textColumn ?? 'text', fileName, row);
  const textPair =
    options.textPairColumn === undefined ? {} : { textPair: textOf(fields, options.textPairColumn, fileName, row) };
  return {
    text,
    ...textPair,
    ...(options.labelColumn === undefined ? {} : { label: labelOf(fields, options.labelColumn, fileName, row) }),
  };
}

function checkColumn(
  fields: Readonly<Record<string, unknown>>,
  column: string,
  fileName: string,
  row: number,
): unknown {
  if (Object.hasOwn(fields, column)) return fields[column];
  throw new DatasetError(
    'MISSING_COLUMN',
    fileName,
    `row ${row} has no column ${show(column)}; it has ${showNames(Object.keys(fields))}`,
  );
}

function textOf(fields: Readonly<Record<string, unknown>>, column: string, fileName: string, row: number): string {
  const text = checkColumn(fields, column, fileName, row);
  if (typeof text === 'string') return text;
  throw new DatasetError('INVALID_TEXT', fileName, `row ${row}: ${show(column)} is ${show(text)}, expected a string`);
}

function labelOf(
  fields: Readonly<Record<string, unknown>>,
  column: string,
  fileName: string,
  row: number,
): number | string {
  const label = checkColumn(fields, column, fileName, row);
  if (label === null || label === undefined || label === '' || Number.isNaN(label)) {
    throw new DatasetError(
      'MISSING_LABEL',
      fileName,
      `row ${row}: ${show(column)} is ${label === '' ? 'empty' : String(label)} (such rows can be left out with --skip-invalid)`,
    );
  }
  if (typeof label === 'number' || typeof label === 'string') return label;
  if (typeof label === 'bigint' && Number.isSafeInteger(Number(label))) return Number(label);
  if (typeof label === 'boolean') return label ? 1 : 0;
  throw new DatasetError(
    'INVALID_LABEL',
    fileName,
    `row ${row}: ${show(column)} is ${show(label)}, expected a number or a name`,
  );
}
