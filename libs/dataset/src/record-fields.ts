import { answersOf, missingAnswer, type Answer } from './answers.ts';
import { DatasetError } from './error.ts';
import { messagesOf, type Message } from './messages.ts';
import { show, showNames } from './show.ts';

/**
 * What a record is: a text or a pair with one label, words with a tag each, a question to a context with its answers, a source
 * and a target, a prompt with its completion, or the messages of a conversation.
 */
export const RECORD_KINDS = [
  'text',
  'words',
  'questions',
  'source-and-target',
  'prompt-and-completion',
  'messages',
] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** Which columns of a row make a record. */
export interface ColumnOptions {
  /** `text` where not given. */
  readonly recordKind?: RecordKind;
  /** Of the text, of the source, of the list of words, or of the question. */
  readonly textColumn?: string;
  /** Of the second text, or of the context. */
  readonly textPairColumn?: string;
  /** Of the label, of the list of tags, or of the answers. Not given: records have none. */
  readonly labelColumn?: string;
  /** Of the target, in records of source and target; `target` where not given. */
  readonly targetColumn?: string;
  /**
   * Whether each record of source and target needs its target; true where not given. Otherwise one whose target is null, or
   * whose row lacks the column that no `targetColumn` names, has none.
   */
  readonly needsTarget?: boolean;
  /** What is put before each source. */
  readonly sourcePrefix?: string;
  /** `prompt` where not given. */
  readonly promptColumn?: string;
  /** `completion` where not given. */
  readonly completionColumn?: string;
  /** `messages` where not given. */
  readonly messagesColumn?: string;
  /** Whether questions may have no answer. */
  readonly allowsUnanswered?: boolean;
}

/** The names of the columns where none are given; those of words are the ones of Hugging Face's data sets. */
export const DEFAULT_COLUMNS: Readonly<Record<RecordKind, { readonly text: string; readonly label: string }>> = {
  text: { text: 'text', label: 'label' },
  words: { text: 'tokens', label: 'ner_tags' },
  'source-and-target': { text: 'text', label: 'label' },
  questions: { text: 'question', label: 'answers' },
  // What is predicted stands in the text itself: no column of labels is read.
  'prompt-and-completion': { text: 'prompt', label: 'label' },
  messages: { text: 'messages', label: 'label' },
};
export const DEFAULT_TARGET_COLUMN = 'target';
/** Tokens of the longest sequence where no length is given; what is counted and what is trained on have to agree on it. */
export const DEFAULT_MAX_SEQUENCE_LENGTHS: Readonly<Record<RecordKind, number>> = {
  text: 128,
  words: 128,
  questions: 384,
  'source-and-target': 128,
  'prompt-and-completion': 128,
  messages: 128,
};
/** Tokens of a context that two windows over it share where no number is given. */
export const DEFAULT_DOC_STRIDE = 128;
/** Tokens of the longest target where no length is given. */
export const DEFAULT_MAX_TARGET_LENGTH = 128;
const DEFAULT_CONTEXT_COLUMN = 'context';
// run_qa.py takes it off questions (Python's str.lstrip): it would take room from the context.
const LEADING_SPACE = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

export function textColumnOf({ textColumn, recordKind = 'text' }: ColumnOptions): string {
  return textColumn ?? DEFAULT_COLUMNS[recordKind].text;
}

/** The column of the second text; undefined where records have none. */
export function textPairColumnOf({ textPairColumn, recordKind }: ColumnOptions): string | undefined {
  return textPairColumn ?? (recordKind === 'questions' ? DEFAULT_CONTEXT_COLUMN : undefined);
}

/** Names of the columns that are read, the ones that a file must have. */
export function columnsOf(options: ColumnOptions): readonly string[] {
  const { recordKind = 'text', promptColumn, completionColumn, messagesColumn } = options;
  if (recordKind === 'prompt-and-completion') return [promptColumn ?? 'prompt', completionColumn ?? 'completion'];
  if (recordKind === 'messages') return [messagesColumn ?? 'messages'];
  if (recordKind === 'source-and-target') return [textColumnOf(options), options.targetColumn ?? DEFAULT_TARGET_COLUMN];
  const columns = [textColumnOf(options), textPairColumnOf(options), options.labelColumn];
  return columns.filter((column) => column !== undefined);
}

/** Those of {@link columnsOf} that a file may lack. */
export function optionalColumnsOf({ recordKind, targetColumn, needsTarget }: ColumnOptions): readonly string[] {
  const isOptional = recordKind === 'source-and-target' && needsTarget === false && targetColumn === undefined;
  return isOptional ? [DEFAULT_TARGET_COLUMN] : [];
}

/** What a row holds. */
export interface RecordFields {
  /**
   * The question where there are answers to find; the source, behind its prefix, where there is a target; empty where there is
   * something else.
   */
  readonly text: string;
  /** The second text; the context of a question. */
  readonly textPair?: string;
  /** As the file has it: a number or a name; undefined where no label was asked for. */
  readonly label?: number | string;
  /** One and more; only of records of words. */
  readonly words?: readonly string[];
  /** Only of records of source and target; undefined where one has none, as it may be asked for. */
  readonly target?: string;
  /** One a word, as the file has them; undefined where none were asked for. */
  readonly tags?: readonly (number | string)[];
  /** Only of records of a prompt and its completion. */
  readonly prompt?: string;
  readonly completion?: string;
  /** One and more; only of records of messages. */
  readonly messages?: readonly Message[];
  /** Of a question; empty where it has none, undefined where none were asked for. */
  readonly answers?: readonly Answer[];
}

/**
 * The record that a parsed row holds.
 * @throws DatasetError INVALID_TEXT, MISSING_COLUMN, MISSING_LABEL, INVALID_LABEL, INVALID_ANSWER
 */
export function fieldsOf(value: unknown, fileName: string, row: number, options: ColumnOptions): RecordFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DatasetError('INVALID_TEXT', fileName, `row ${row} is ${show(value)}, expected an object`);
  const fields = value as Record<string, unknown>;
  if (options.recordKind === 'words') return taggedWordsOf(fields, fileName, row, options);
  if (options.recordKind === 'source-and-target') {
    const [source = '', target = ''] = columnsOf(options);
    const text = (options.sourcePrefix ?? '') + textOf(fields, source, fileName, row);
    return hasNoTarget(fields, target, fileName, row, options)
      ? { text }
      : { text, target: textOf(fields, target, fileName, row) };
  }
  if (options.recordKind === 'prompt-and-completion') {
    const [prompt = '', completion = ''] = columnsOf(options);
    return {
      text: '',
      prompt: textOf(fields, prompt, fileName, row),
      completion: textOf(fields, completion, fileName, row),
    };
  }
  if (options.recordKind === 'messages') {
    const [column = ''] = columnsOf(options);
    return { text: '', messages: messagesOf(checkColumn(fields, column, fileName, row), { column, fileName, row }) };
  }
  const given = textOf(fields, textColumnOf(options), fileName, row);
  const text = options.recordKind === 'questions' ? given.replace(LEADING_SPACE, '') : given;
  const { labelColumn } = options;
  const textPairColumn = textPairColumnOf(options);
  if (textPairColumn === undefined && labelColumn === undefined) return { text };
  const textPair = textPairColumn === undefined ? {} : { textPair: textOf(fields, textPairColumn, fileName, row) };
  if (options.recordKind === 'questions' && labelColumn !== undefined && textPair.textPair !== undefined) {
    const place = { column: labelColumn, context: textPair.textPair, fileName, row };
    const answers = answersOf(checkColumn(fields, labelColumn, fileName, row), place);
    if (answers.length === 0 && options.allowsUnanswered !== true) throw missingAnswer(place);
    return { text, ...textPair, answers };
  }
  const label = labelColumn === undefined ? {} : { label: labelOf(fields, labelColumn, fileName, row) };
  return { text, ...textPair, ...label };
}

/** Whether a row has no target, and may have none. */
function hasNoTarget(
  fields: Readonly<Record<string, unknown>>,
  column: string,
  fileName: string,
  row: number,
  options: ColumnOptions,
): boolean {
  if (options.needsTarget !== false) return false;
  if (optionalColumnsOf(options).includes(column) && !Object.hasOwn(fields, column)) return true;
  const value = checkColumn(fields, column, fileName, row);
  return value === null || value === undefined;
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
