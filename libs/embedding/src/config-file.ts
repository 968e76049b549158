import type { FolderReader } from '@pemmican/safetensors';

import { EmbeddingError } from './error.ts';
import { readSmallFile } from './folder-file.ts';

export const CONFIG_FILE_NAME = 'config.json';

// The largest configs name a few thousand labels.
const MAX_CONFIG_LENGTH_BYTES = 20_000_000;

// ES2025; TypeScript's library does not declare them yet.
declare global {
  interface JSON {
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

interface OriginalFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly fields: ReadonlyMap<string, unknown>;
}

/** A model's config.json. Numbers keep the way they are written (`1.0` stays `1.0`), fields their order. */
export class ModelConfig {
  /** What error messages call the file. */
  readonly path: string;
  readonly #fields: ReadonlyMap<string, unknown>;
  /** The file as it was read, for a config that comes out equal to it. */
  readonly #original: OriginalFile;

  private constructor(path: string, fields: ReadonlyMap<string, unknown>, original: OriginalFile) {
    this.path = path;
    this.#fields = fields;
    this.#original = original;
  }

  /** @throws EmbeddingError MISSING_FILE, INVALID_CONFIG */
  static async read(folder: FolderReader): Promise<ModelConfig> {
    const bytes = await readSmallFile(folder, CONFIG_FILE_NAME, MAX_CONFIG_LENGTH_BYTES);
    if (bytes === undefined) throw new EmbeddingError('MISSING_FILE', folder.name, `has no ${CONFIG_FILE_NAME}`);
    const path = `${folder.name}/${CONFIG_FILE_NAME}`;
    let value: unknown;
    try {
      value = parseKeepingNumbers(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      throw new EmbeddingError('INVALID_CONFIG', path, `is not valid JSON in UTF-8: ${String(cause)}`, { cause });
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new EmbeddingError('INVALID_CONFIG', path, 'is not a JSON object');
    const fields = new Map(Object.entries(value));
    return new ModelConfig(path, fields, { bytes, fields });
  }

  has(field: string): boolean {
    return this.#fields.has(field);
  }

  /** Names of the fields, in the file's order. */
  get fieldNames(): string[] {
    return [...this.#fields.keys()];
  }

  /** A field's value as ordinary JSON. */
  get(field: string): unknown {
    const value = this.#fields.get(field);
    return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
  }

  /**
   * A count such as `vocab_size`.
   * @returns null where the field is missing or null
   * @throws EmbeddingError INVALID_CONFIG
   */
  getCount(field: string): number | null {
    const value = this.get(field) ?? null;
    if (value === null || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)) return value;
    throw new EmbeddingError('INVALID_CONFIG', this.path, `"${field}" is ${JSON.stringify(value)}, not a count`);
  }

  /** A copy with fields replaced, added (at the end) or, for undefined, removed. */
  with(changes: Readonly<Record<string, unknown>>): ModelConfig {
    const fields = new Map(this.#fields);
    for (const [field, value] of Object.entries(changes)) {
      if (value === undefined) fields.delete(field);
      else fields.set(field, value);
    }
    return new ModelConfig(this.path, fields, this.#original);
  }

  /** A copy with these fields as the other config has them. */
  withFieldsOf(other: ModelConfig, fields: readonly string[]): ModelConfig {
    return this.with(
      Object.fromEntries(fields.filter((field) => other.has(field)).map((field) => [field, other.#fields.get(field)])),
    );
  }

  /** The file's bytes: those that were read where no field has changed, else laid out as transformers does. */
  encode(): Uint8Array<ArrayBuffer> {
    const text = stringify(this.#fields);
    return text === stringify(this.#original.fields) ? this.#original.bytes : new TextEncoder().encode(`${text}\n`);
  }
}

function stringify(fields: ReadonlyMap<string, unknown>): string {
  return JSON.stringify(Object.fromEntries(fields), null, 2);
}

function parseKeepingNumbers(text: string): unknown {
  const reviver = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined ? JSON.rawJSON(context.source) : value;
  return JSON.parse(text, reviver);
}
