import { parse } from 'csv-parse/sync';
import { DatasetError } from './error.ts';
import { MAX_COLUMN_COUNT } from './limits.ts';
import { reasonOf, show, showNames } from './show.ts';
import { splitTable, type Piece } from './splitter.ts';

// Rows are parsed in blocks of about this size: memory stays bounded, and the parser's start-up cost does not show.
const BLOCK_BYTES = 256 * 1024;

/** Fields of one row by column. */
export type TableRow = Readonly<Record<string, string>>;

/**
 * Rows of a table with a header line (RFC 4180 with the delimiter of choice).
 * @throws DatasetError MALFORMED for a row that does not fit the header or quotes that do not close
 */
export async function* readTable(
  chunks: AsyncIterable<Uint8Array>,
  fileName: string,
  delimiter: ',' | '\t',
): AsyncGenerator<Iterable<TableRow>, void, undefined> {
  let header: string[] | undefined;
  let row = 0;
  function* rows(pieces: Iterable<Piece>): Generator<TableRow, void, undefined> {
    for (const { text } of pieces) {
      for (const values of parseBlock(text, fileName, delimiter, row)) {
        if (header === undefined) {
          header = checkHeader(values, fileName);
          continue;
        }
        row++;
        if (values.length !== header.length)
          throw new DatasetError(
            'MALFORMED',
            fileName,
            `row ${row} has ${values.length} fields, the header has ${header.length}: ${showNames(header)}`,
          );
        yield Object.fromEntries(header.map((column, index) => [column, values[index] ?? '']));
      }
    }
  }
  for await (const pieces of splitTable(chunks, fileName, BLOCK_BYTES)) yield rows(pieces);
}

function parseBlock(text: string, fileName: string, delimiter: ',' | '\t', rowsBefore: number): string[][] {
  try {
    return parse(text, {
      delimiter,
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n'],
    });
  } catch (cause) {
    throw new DatasetError('MALFORMED', fileName, `in the rows after row ${rowsBefore}: ${reasonOf(cause)}`, { cause });
  }
}

function checkHeader(columns: string[], fileName: string): string[] {
  if (columns.length > MAX_COLUMN_COUNT)
    throw new DatasetError(
      'TOO_LARGE',
      fileName,
      `${columns.length} columns are over the limit of ${MAX_COLUMN_COUNT}`,
    );
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
  if (repeated !== undefined)
    throw new DatasetError(
      'MALFORMED',
      fileName,
      `column ${show(repeated)} is there twice; there are ${showNames(columns)}`,
    );
  return columns;
}
