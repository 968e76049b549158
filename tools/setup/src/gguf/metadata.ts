import type { BlobReader } from '../blob-reader.ts';
import { MAX_SIZE } from './limits.ts';
import { readString, readValue, type GgufValue } from './value.ts';

/** The metadata of a GGUF file: typed values by key. Every getter fails with SetupError MALFORMED. */
export class GgufMetadata {
  readonly #reader: BlobReader;
  readonly #values: ReadonlyMap<string, GgufValue>;

  private constructor(reader: BlobReader, values: ReadonlyMap<string, GgufValue>) {
    this.#reader = reader;
    this.#values = values;
  }

  /** Reads `pairCount` pairs, which begin at the reader's cursor. */
  static async read(reader: BlobReader, pairCount: number): Promise<GgufMetadata> {
    const values = new Map<string, GgufValue>();
    for (let index = 0; index < pairCount; index += 1) {
      const key = await readString(reader, `key ${index}`);
      if (values.has(key)) reader.fail(`it has "${key}" twice`);
      values.set(key, await readValue(reader, key));
    }
    return new GgufMetadata(reader, values);
  }

  get keys(): Iterable<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  text(key: string): string {
    const value = this.#get(key);
    return typeof value === 'string' ? value : this.#fail(key, value, 'a string');
  }

  /** False where the file does not say. */
  flag(key: string): boolean {
    const value = this.#values.get(key) ?? false;
    return typeof value === 'boolean' ? value : this.#fail(key, value, 'a flag');
  }

  /** A positive number. */
  number(key: string): number {
    const value = this.#get(key);
    return typeof value === 'number' && value > 0 && Number.isFinite(value)
      ? value
      : this.#fail(key, value, 'a finite number above 0');
  }

  /** A whole number from `least` to `most`. */
  count(key: string, least = 1, most: number = MAX_SIZE): number {
    const value = this.#get(key);
    const count = typeof value === 'bigint' ? Number(value) : value;
    if (typeof count === 'number' && Number.isInteger(count) && count >= least && count <= most) return count;
    return this.#fail(key, value, `a whole number from ${least} to ${most}`);
  }

  texts(key: string): readonly string[] {
    const value = this.#get(key);
    const isTexts = Array.isArray(value) && value.every((each) => typeof each === 'string');
    return isTexts ? value : this.#fail(key, value, 'an array of strings');
  }

  numbers(key: string): readonly number[] {
    const value = this.#get(key);
    const isNumbers = Array.isArray(value) && value.every((each) => typeof each === 'number');
    return isNumbers ? value : this.#fail(key, value, 'an array of numbers');
  }

  #get(key: string): GgufValue {
    return this.#values.get(key) ?? this.#reader.fail(`it has no "${key}"`);
  }

  #fail(key: string, value: GgufValue, expected: string): never {
    const shown = typeof value === 'object' ? `an array of ${value.length}` : `"${value}"`.slice(0, 80);
    this.#reader.fail(`"${key}" is ${shown}, expected ${expected}`);
  }
}
