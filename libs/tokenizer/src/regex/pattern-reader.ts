/** A construct of a pattern that is not known to mean the same here as in the reference library's engine. */
export class UnsupportedPattern extends Error {
  override readonly name = 'UnsupportedPattern';
}

/** A pattern and how far it has been read. */
export class PatternReader {
  readonly #pattern: string;
  #position = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#pattern.length;
  }

  get rest(): string {
    return this.#pattern.slice(this.#position);
  }

  sees(text: string): boolean {
    return this.#pattern.startsWith(text, this.#position);
  }

  /** Reads `text` if it is next. */
  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#position += text.length;
    return true;
  }

  /** Reads what an expression that begins with `^` matches. */
  takeMatch(expression: RegExp): RegExpExecArray | undefined {
    const match = expression.exec(this.rest);
    this.#position += match?.[0].length ?? 0;
    return match ?? undefined;
  }

  /** Reads one code point. */
  next(): number {
    const codePoint = this.#pattern.codePointAt(this.#position) ?? this.refuse('an end in the middle');
    this.#position += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  refuse(construct: string): never {
    throw new UnsupportedPattern(`${construct} at ${this.#position}`);
  }
}
