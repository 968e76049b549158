import { ModelError } from './error.ts';

// No published model comes near; a larger value is a damaged file.
const MAX_DIMENSION = 16_777_216;

// Published models have up to some hundred. A graph has nodes for each, so that millions would take all memory there is.
const MAX_LAYER_COUNT = 1000;

/** Reads fields of a parsed config.json; every error names the file, the field, the value and what is allowed. */
export class ConfigReader {
  readonly fileName: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(config: unknown, fileName: string) {
    if (typeof config !== 'object' || config === null || Array.isArray(config))
      throw new ModelError('INVALID_CONFIG', `${fileName}: is not a JSON object`);
    this.fileName = fileName;
    this.#fields = config as Record<string, unknown>;
  }

  get(field: string): unknown {
    return this.#fields[field];
  }

  /** A count from 1 to 2^24, or to `maximum`; `fallback` where the field is not there. */
  count(field: string, fallback?: number, maximum = MAX_DIMENSION): number {
    const value = this.#fields[field] === undefined ? fallback : this.#fields[field];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maximum) return value;
    return this.fail(field, `an integer from 1 to ${maximum}`);
  }

  /** A number of layers, from 1 to 1000; `fallback` where the field is not there. */
  layerCount(field: string, fallback?: number): number {
    return this.count(field, fallback, MAX_LAYER_COUNT);
  }

  /** A number in `[minimum, maximum)`; `fallback` where the field is not there or null. */
  number(field: string, fallback: number, minimum: number, maximum: number): number {
    const value = this.#fields[field] ?? fallback;
    if (typeof value === 'number' && value >= minimum && value < maximum) return value;
    return this.fail(field, `a number from ${minimum} to below ${maximum}`);
  }

  /** The fields of an object, or undefined where the field is not there or null. */
  object(field: string): ConfigReader | undefined {
    const value = this.#fields[field] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) return this.fail(field, 'an object');
    return new ConfigReader(value, `${this.fileName}: ${field}`);
  }

  /** true or false; `fallback` where the field is not there or null. */
  flag(field: string, fallback: boolean): boolean {
    const value = this.#fields[field] ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(field, 'true or false');
  }

  /** A token id below `vocabSize`; undefined where the field is null, `fallback` where it is not there. */
  tokenId(field: string, fallback: number | undefined, vocabSize: number): number | undefined {
    const value = this.#fields[field] === undefined ? fallback : this.#fields[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabSize) return value;
    return this.fail(field, `an integer from 0 to below ${vocabSize}, or null`);
  }

  /** One of a list of names. */
  choice<const Name extends string>(field: string, fallback: Name, names: readonly Name[]): Name {
    const value = this.#fields[field] ?? fallback;
    const name = names.find((candidate) => candidate === value);
    return name ?? this.fail(field, `one of ${names.join(', ')}`);
  }

  /** @param value what is wrong, where that is not the whole field */
  fail(field: string, expected: string, value = this.#fields[field]): never {
    throw new ModelError(
      'INVALID_CONFIG',
      `${this.fileName}: ${field} is ${JSON.stringify(value)}, expected ${expected}`,
    );
  }
}
