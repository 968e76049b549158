import { DatasetError } from './error.ts';
import { show, showNames } from './show.ts';

/** Which columns of a row make a record. */
export interface ColumnOptions {
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  /** Not given: records have no label. */
  readonly labelColumn?: string;
}

/** What a row holds. */
export interface RecordFields {
  readonly text: string;
  readonly textPair?: string;
  /** As the file has it: a number or a name; undefined where no label was asked for. */
  readonly label?: number | string;
}

/**
 * The record that a parsed row holds.
 * @throws DatasetError INVALID_TEXT, MISSING_COLUMN, MISSING_LABEL, INVALID_LABEL
 */
export function fieldsOf(value: unknown, fileName: string, row: number, options: ColumnOptions): RecordFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DatasetError('INVALID_TEXT', fileName, `row ${row} is ${show(value)}, expected an object`);
  const fields = value as Record<string, unknown>;
  const text = textOf(fields, options.textColumn ?? 'text', fileName, row);
  const { textPairColumn, labelColumn } = options;
  if (textPairColumn === undefined && labelColumn === undefined) return { text };
  const textPair = textPairColumn === undefined ? {} : { textPair: textOf(fields, textPairColumn, fileName, row) };
  const label = labelColumn === undefined ? {} : { label: labelOf(fields, labelColumn, fileName, row) };
  return { text, ...textPair, ...label };
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
