import { TokenizerError } from './error.ts';

/** A component of tokenizer.json with accessors that name the file, the component, the field and what is allowed. */
export class Component {
  readonly #fields: Readonly<Record<string, unknown>>;
  /** e.g. `tokenizer.json: normalizer` */
  readonly where: string;

  constructor(json: unknown, where: string) {
    this.where = where;
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new TokenizerError('INVALID_TOKENIZER', `${where} is not an object`);
    this.#fields = json as Record<string, unknown>;
  }

  get(field: string): unknown {
    return this.#fields[field];
  }

  get type(): string {
    return this.text('type');
  }

  text(field: string): string {
    const value = this.#fields[field];
    return typeof value === 'string' ? value : this.fail(field, 'a string');
  }

  /** A string, or undefined where the field is null or missing. */
  optionalText(field: string): string | undefined {
    const value = this.#fields[field] ?? undefined;
    return value === undefined ? undefined : this.text(field);
  }

  /** The code point of a string of one character. */
  character(field: string): number {
    const [character, more] = this.text(field);
    return (more === undefined ? character?.codePointAt(0) : undefined) ?? this.fail(field, 'one character');
  }

  flag(field: string, fallback?: boolean): boolean {
    const value = this.#fields[field] ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(field, 'true or false');
  }

  count(field: string, fallback?: number): number {
    const value = this.#fields[field] ?? fallback;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : this.fail(field, 'an integer of at least 0');
  }

  list(field: string): unknown[] {
    const value = this.#fields[field];
    return Array.isArray(value) ? value : this.fail(field, 'a list');
  }

  child(field: string): Component {
    return new Component(this.#fields[field], `${this.where}.${field}`);
  }

  children(field: string): Component[] {
    return this.list(field).map((item, index) => new Component(item, `${this.where}.${field}[${index}]`));
  }

  entries(): [string, unknown][] {
    return Object.entries(this.#fields);
  }

  fail(field: string, expected: string): never {
    const shown = JSON.stringify(this.#fields[field])?.slice(0, 80) ?? 'missing';
    throw new TokenizerError('INVALID_TOKENIZER', `${this.where}: ${field} is ${shown}, expected ${expected}`);
  }

  /** Refuses what is not supported by name: a guess would give other ids than the model was trained with. */
  unsupported(what: string, supported: readonly string[]): never {
    throw new TokenizerError(
      'UNSUPPORTED_COMPONENT',
      `${this.where}: ${what} is not supported; supported are ${supported.join(', ')}`,
    );
  }
}
