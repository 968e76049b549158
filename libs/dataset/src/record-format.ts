import { DatasetError } from './error.ts';
import { JsonArrayCutter, JsonArrayParser } from './json-array.ts';
import { JsonLinesParser, LineCutter, TextParser } from './lines.ts';
import type { RowCutter } from './row-piece.ts';
import type { RowParser } from './row-parser.ts';
import { TableCutter, TableParser } from './table.ts';

export const DATASET_FORMATS = ['jsonl', 'json', 'csv', 'tsv', 'text', 'parquet'] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

/** A format whose files are cut into pieces of rows. */
export type PieceFormat = Exclude<DatasetFormat, 'parquet'>;

const EXTENSIONS: Readonly<Record<string, DatasetFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  txt: 'text',
  parquet: 'parquet',
};

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

export function createRowCutter(format: PieceFormat, fileName: string): RowCutter {
  if (format === 'json') return new JsonArrayCutter(fileName);
  return format === 'csv' || format === 'tsv' ? new TableCutter() : new LineCutter();
}

/** @param header columns of a table, where its first piece was parsed by another parser */
export function createRowParser(format: PieceFormat, fileName: string, header?: readonly string[]): RowParser {
  switch (format) {
    case 'text':
      return new TextParser(fileName);
    case 'jsonl':
      return new JsonLinesParser(fileName);
    case 'json':
      return new JsonArrayParser(fileName);
    default:
      return new TableParser(fileName, format === 'csv' ? ',' : '\t', header);
  }
}
