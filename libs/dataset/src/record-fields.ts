import { DatasetError } from './error.ts';
import { show, showNames } from './show.ts';

/** What a record is: a text or a pair with one label, words with a tag each, or a source and a target. */
export const RECORD_KINDS = ['text', 'words', 'source-and-target'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** Which columns of a row make a record. */
export interface ColumnOptions {
  /** `text` where not given. */
  readonly recordKind?: RecordKind;
  /** Of the text, of the source, or of the list of words. */
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  /** Of the label, or of the list of tags. Not given: records have none. */
  readonly labelColumn?: string;
  /** Of the target, in records of source and target; `target` where not given. */
  readonly targetColumn?: string;
  /** What is put before each source. */
  readonly sourcePrefix?: string;
}

/** The names of the columns where none are given; those of words are the ones of Hugging Face's data sets. */
export const DEFAULT_COLUMNS: Readonly<Record<RecordKind, { readonly text: string; readonly label: string }>> = {
  text: { text: 'text', label: 'label' },
  words: { text: 'tokens', label: 'ner_tags' },
  'source-and-target': { text: 'text', label: 'label' },
};
export const DEFAULT_TARGET_COLUMN = 'target';

export function textColumnOf({ textColumn, recordKind = 'text' }: ColumnOptions): string {
  return textColumn ?? DEFAULT_COLUMNS[recordKind].text;
}

/** What a row holds. */
export interface RecordFields {
  /** Empty where there are words; the source, behind its prefix, where there is a target. */
  readonly text: string;
  readonly textPair?: string;
  /** As the file has it: a number or a name; undefined where no label was asked for. */
  readonly label?: number | string;
  /** One and more; only of records of words. */
  readonly words?: readonly string[];
  /** Only of records of source and target. */
  readonly target?: string;
  /** One a word, as the file has them; undefined where none were asked for. */
  readonly tags?: readonly (number | string)[];
}

/**
 * The record that a parsed row holds.
 * @throws DatasetError INVALID_TEXT, MISSING_COLUMN, MISSING_LABEL, INVALID_LABEL
 */
export function fieldsOf(value: unknown, fileName: string, row: number, options: ColumnOptions): RecordFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DatasetError('INVALID_TEXT', fileName, `row ${row} is ${show(value)}, expected an object`);
  const fields = value as Record<string, unknown>;
  if (options.recordKind === 'words') return taggedWordsOf(fields, fileName, row, options);
  const text = textOf(fields, textColumnOf(options), fileName, row);
  if (options.recordKind === 'source-and-target') {
    const target = textOf(fields, options.targetColumn ?? DEFAULT_TARGET_COLUMN, fileName, row);
    return { text: (options.sourcePrefix ?? '') + text, target };
  }
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
  const inner = innerValue(fields, column);
  if (inner !== undefined) return inner.value;
  throw new DatasetError(
    'MISSING_COLUMN',
    fileName,
    `row ${row} has no column ${show(column)}; it has ${showNames(Object.keys(fields))}`,
  );
}

/** The value inside of objects that the parts of a name such as `translation.de` lead to; undefined where they lead nowhere. */
function innerValue(
  fields: Readonly<Record<string, unknown>>,
  column: string,
): { readonly value: unknown } | undefined {
  const parts = column.split('.');
  if (parts.length < 2) return undefined;
  let value: unknown = fields;
  for (const part of parts) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return { value };
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
  if (isMissing(label)) throw missingLabel(label, column, fileName, row);
  const known = knownLabel(label);
  if (known !== undefined) return known;
  throw new DatasetError(
    'INVALID_LABEL',
    fileName,
    `row ${row}: ${show(column)} is ${show(label)}, expected a number or a name`,
  );
}

function isMissing(label: unknown): boolean {
  return label === null || label === undefined || label === '' || Number.isNaN(label);
}

function missingLabel(label: unknown, column: string, fileName: string, row: number): DatasetError {
  return new DatasetError(
    'MISSING_LABEL',
    fileName,
    `row ${row}: ${show(column)} is ${label === '' ? 'empty' : String(label)} (such rows can be left out with --skip-invalid)`,
  );
}

/** A label of a kind that is known; undefined for others. */
function knownLabel(label: unknown): number | string | undefined {
  if (typeof label === 'number' || typeof label === 'string') return label;
  if (typeof label === 'bigint' && Number.isSafeInteger(Number(label))) return Number(label);
  return typeof label === 'boolean' ? Number(label) : undefined;
}

function taggedWordsOf(
  fields: Readonly<Record<string, unknown>>,
  fileName: string,
  row: number,
  options: ColumnOptions,
): RecordFields {
  const column = textColumnOf(options);
  const words = wordsOf(fields, column, fileName, row);
  if (options.labelColumn === undefined) return { text: '', words };
  const tags = tagsOf(fields, options.labelColumn, fileName, row);
  if (tags.length !== words.length)
    throw new DatasetError(
      'INVALID_LABEL',
      fileName,
      `row ${row}: ${show(options.labelColumn)} has ${tags.length} tags, ${show(column)} has ${words.length} words`,
    );
  return { text: '', words, tags };
}

function wordsOf(fields: Readonly<Record<string, unknown>>, column: string, fileName: string, row: number): string[] {
  const words = checkColumn(fields, column, fileName, row);
  const fail = (problem: string): never => {
    throw new DatasetError('INVALID_TEXT', fileName, `row ${row}: ${problem}`);
  };
  if (!Array.isArray(words))
    return fail(`${show(column)} is ${show(words)}, expected a list of strings, as JSON, JSONL and Parquet have them`);
  if (words.length === 0) return fail(`${show(column)} is an empty list, expected at least one word`);
  return words.map((word: unknown, index) =>
    typeof word === 'string'
      ? word
      : fail(`word ${index + 1} of ${words.length} in ${show(column)} is ${show(word)}, expected a string`),
  );
}

function tagsOf(
  fields: Readonly<Record<string, unknown>>,
  column: string,
  fileName: string,
  row: number,
): (number | string)[] {
  const tags = checkColumn(fields, column, fileName, row);
  if (isMissing(tags)) throw missingLabel(tags, column, fileName, row);
  const fail = (problem: string): never => {
    throw new DatasetError('INVALID_LABEL', fileName, `row ${row}: ${problem}`);
  };
  if (!Array.isArray(tags)) return fail(`${show(column)} is ${show(tags)}, expected a list of numbers or names`);
  return tags.map((tag: unknown, index) => {
    const known = isMissing(tag) ? undefined : knownLabel(tag);
    return (
      known ??
      fail(`tag ${index + 1} of ${tags.length} in ${show(column)} is ${show(tag)}, expected a number or a name`)
    );
  });
}
