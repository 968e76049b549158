import { DatasetError } from './error.ts';
import type { DatasetRecord } from './records.ts';
import { show, showNames } from './show.ts';

export interface LabelVocabularyOptions {
  readonly task: 'classification' | 'regression';
  /** Names in the order of their indices, where the model has them. */
  readonly labelNames?: readonly string[];
  /** Number of labels, where the model's head fixes it. */
  readonly labelCount?: number;
}

// A head with more labels than this is a column that holds no labels (an id, say).
const MAX_LABEL_COUNT = 100_000;

const WHOLE_NUMBER = /^[+-]?\d{1,9}(?:\.0+)?$/;

/**
 * Turns labels into what a model is trained on: an index from 0 for classification, a finite number for regression.
 * Whole numbers (also as text, as tables have them, and `1.0`, as pandas writes them beside empty cells) are indices;
 * anything else is a name, which gets the next index when it first comes, unless the names are given. Where they are
 * given, records may have either. {@link LabelVocabulary.sortNames} brings names that were found into the order that
 * Hugging Face's scripts give them.
 */
export class LabelVocabulary {
  readonly #options: LabelVocabularyOptions;
  readonly #indices = new Map<string, number>();
  #kind: 'index' | 'name' | undefined;
  #count = 0;
  #isClosed = false;

  constructor(options: LabelVocabularyOptions) {
    this.#options = options;
    options.labelNames?.forEach((name, index) => this.#indices.set(name, index));
    this.#count = Math.max(options.labelCount ?? 0, this.#indices.size);
  }

  /** Number of labels so far: fixed, or one more than the largest index. */
  get count(): number {
    return this.#count;
  }

  /** Names in the order of their indices; undefined where labels are numbers. */
  get names(): readonly string[] | undefined {
    return this.#indices.size === 0 ? undefined : [...this.#indices.keys()];
  }

  /**
   * Numbers the names that were found anew in the order of their code points, as transformers' example scripts do
   * (`label_list.sort()`), so that indices do not depend on the order of records. Called when all splits are read.
   * @returns new indices by those that `resolve` gave; undefined where names were given or labels are numbers
   */
  sortNames(): Uint32Array | undefined {
    if (this.#options.labelNames !== undefined || this.#indices.size === 0) return undefined;
    const found = [...this.#indices.keys()];
    const sorted = found.toSorted(compareCodePoints);
    this.#indices.clear();
    sorted.forEach((name, index) => this.#indices.set(name, index));
    return Uint32Array.from(found, (name) => this.#indices.get(name) ?? 0);
  }

  /** From now on there are no other labels than those that came. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws DatasetError INVALID_LABEL with the row, the value and the limit; MISSING_LABEL */
  resolve(record: DatasetRecord, fileName: string): number {
    const { label, row } = record;
    if (label === undefined) throw new DatasetError('MISSING_LABEL', fileName, `row ${row} has no label`);
    return this.#resolve(label, { row, fileName });
  }

  /**
   * The indices of a record's tags.
   * @throws DatasetError INVALID_LABEL with the row, the word, the value and the limit; MISSING_LABEL
   */
  resolveTags({ tags, row }: DatasetRecord, fileName: string): number[] {
    if (tags === undefined) throw new DatasetError('MISSING_LABEL', fileName, `row ${row} has no tags`);
    return tags.map((tag, index) => this.#resolve(tag, { row, word: index + 1, fileName }));
  }

  #resolve(label: number | string, place: LabelPlace): number {
    if (this.#options.task === 'regression') return this.#number(label, place);
    const isIndex = typeof label === 'number' || WHOLE_NUMBER.test(label);
    if (isIndex && !this.#indices.has(String(label))) return this.#index(Number(label), place);
    return this.#name(String(label), place);
  }

  #number(label: number | string, place: LabelPlace): number {
    const value = typeof label === 'string' && label.trim() === '' ? NaN : Number(label);
    if (Number.isFinite(value)) return value;
    throw invalidLabel(place, `${show(label)} is not a finite number`);
  }

  #index(index: number, place: LabelPlace): number {
    const open = this.#isClosed ? this.#count : MAX_LABEL_COUNT;
    const limit = this.#options.labelCount ?? this.#options.labelNames?.length ?? open;
    if (!Number.isInteger(index) || index < 0 || index >= limit)
      throw invalidLabel(place, `${index} is out of range, expected an integer from 0 to ${limit - 1}`);
    this.#settleOn('index', index, place);
    this.#count = Math.max(this.#count, index + 1);
    return index;
  }

  #name(name: string, place: LabelPlace): number {
    this.#settleOn('name', name, place);
    const known = this.#indices.get(name);
    if (known !== undefined) return known;
    const open = this.#isClosed ? this.#indices.size : (this.#options.labelCount ?? MAX_LABEL_COUNT);
    const limit = this.#options.labelNames?.length ?? open;
    if (this.#indices.size >= limit)
      throw invalidLabel(
        place,
        `${show(name)} is none of the ${limit} labels: ${showNames([...this.#indices.keys()])}`,
      );
    const index = this.#indices.size;
    this.#indices.set(name, index);
    this.#count = Math.max(this.#count, index + 1);
    return index;
  }

  #settleOn(kind: 'index' | 'name', label: number | string, place: LabelPlace): void {
    if (this.#options.labelNames !== undefined) return;
    this.#kind ??= kind;
    if (this.#kind !== kind)
      throw invalidLabel(place, `${show(label)} is ${kind === 'name' ? 'a name' : 'a number'}, earlier ones are not`);
  }
}

/** Where a label stands. */
interface LabelPlace {
  readonly row: number;
  /** Of a tag, from 1. */
  readonly word?: number;
  readonly fileName: string;
}

function invalidLabel({ row, word, fileName }: LabelPlace, problem: string): DatasetError {
  const what = word === undefined ? `row ${row}: label` : `row ${row}, word ${word}: tag`;
  return new DatasetError('INVALID_LABEL', fileName, `${what} ${problem}`);
}

/** Python's order of strings; JavaScript's own is that of UTF-16 units, which differs past U+FFFF. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const difference = (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
