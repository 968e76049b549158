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

  count(field: string, minimum = 0): number {
    const value = this.#fields[field];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return value;
    return this.fail(field, `an integer of at least ${minimum}`);
  }

  countOrNull(field: string): number | null {
    return this.#fields[field] === null ? null : this.count(field);
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

  /** A list of counts, none above `maximum`. */
  counts(field: string, maximum = Number.MAX_SAFE_INTEGER): number[] {
    const values = this.list(field);
    values.forEach((value, index) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > maximum) {
        throw new VocabularyError(
          this.#code,
          `${this.#fileName}: ${field}[${index}] is ${JSON.stringify(value)}, expected an integer from 0 to ${maximum}`,
        );
      }
    });
    return values as number[];
  }

  fail(field: string, expected: string): never {
    const shown = JSON.stringify(this.#fields[field])?.slice(0, 100) ?? 'missing';
    throw new VocabularyError(this.#code, `${this.#fileName}: ${field} is ${shown}, expected ${expected}`);
  }
}
