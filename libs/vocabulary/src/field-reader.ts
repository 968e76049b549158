import { VocabularyError, type VocabularyErrorCode } from './error.ts';

/** Reads fields of parsed JSON that came from outside; every error names the file, the field and what is allowed. */
export class FieldReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #fileName: string;
  readonly #code: VocabularyErrorCode;

  /** @throws VocabularyError when `json` is not an object */
  constructor(json: unknown, fileName: string, code: VocabularyErrorCode) {
    this.#fileName = fileName;
    this.#code = code;
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new VocabularyError(code, `${fileName}: is not a JSON object`);
    this.#fields = json as Record<string, unknown>;
  }

  get(field: string): unknown {
    return this.#fields[field];
  }

  count(field: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): number {
    const value = this.#fields[field];
    if (isCount(value, minimum, maximum)) return value;
    return this.fail(
      field,
      maximum === Number.MAX_SAFE_INTEGER
        ? `an integer of at least ${minimum}`
        : `an integer from ${minimum} to ${maximum}`,
    );
  }

  countOrNull(field: string, maximum = Number.MAX_SAFE_INTEGER): number | null {
    return this.#fields[field] === null ? null : this.count(field, 0, maximum);
  }

  /** A SHA-256 digest as `sha256:<hex>`. */
  digest(field: string): string {
    const value = this.text(field);
    return /^sha256:[0-9a-f]{64}$/.test(value) ? value : this.fail(field, '"sha256:" and 64 hexadecimal digits');
  }

  text(field: string): string {
    const value = this.#fields[field];
    return typeof value === 'string' ? value : this.fail(field, 'a string');
  }

  flag(field: string): boolean {
    const value = this.#fields[field];
    return typeof value === 'boolean' ? value : this.fail(field, 'true or false');
  }

  list(field: string): unknown[] {
    const value = this.#fields[field];
    return Array.isArray(value) ? value : this.fail(field, 'a list');
  }

  /** A list of integers. */
  counts(field: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): number[] {
    return this.list(field).map((value, index) => {
      if (isCount(value, minimum, maximum)) return value;
      return this.#failAt(field, index, value, `an integer from ${minimum} to ${maximum}`);
    });
  }

  /** A strictly ascending list of integers from 0. */
  ascending(field: string, maximum: number): number[] {
    const values = this.counts(field, 0, maximum);
    values.forEach((value, index) => {
      const previous = values[index - 1];
      if (previous !== undefined && value <= previous)
        this.#failAt(field, index, value, `more than ${previous}, which comes before it`);
    });
    return values;
  }

  /** A list of pairs of integers, the first ascending from 0, the second at least 1. */
  pairs(field: string): [number, number][] {
    let previous = -1;
    return this.list(field).map((value, index) => {
      const [key, count] = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : [];
      if (!isCount(key, previous + 1, Number.MAX_SAFE_INTEGER) || !isCount(count, 1, Number.MAX_SAFE_INTEGER))
        return this.#failAt(field, index, value, `a pair of integers, the first more than ${previous}`);
      previous = key;
      return [key, count];
    });
  }

  fail(field: string, expected: string): never {
    const shown = show(this.#fields[field]);
    throw new VocabularyError(this.#code, `${this.#fileName}: ${field} is ${shown}, expected ${expected}`);
  }

  #failAt(field: string, index: number, value: unknown, expected: string): never {
    const shown = show(value);
    throw new VocabularyError(this.#code, `${this.#fileName}: ${field}[${index}] is ${shown}, expected ${expected}`);
  }
}

/** A value as a message shows it: short, and without descending into it, which nesting could make overflow the stack. */
function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value).slice(0, 100);
}

function isCount(value: unknown, minimum: number, maximum: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum;
}
