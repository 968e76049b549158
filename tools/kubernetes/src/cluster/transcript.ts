/** What a program did and saw, for people: printed as it happens, and written down at the end. */
export class Transcript {
  readonly #lines: string[] = [];
  readonly #beginMs = performance.now();

  /** Begins a part. */
  heading(title: string): void {
    this.#add('', `## ${title}`, '');
  }

  /** Something that was seen. */
  note(text: string): void {
    this.#add(`- ${text}`);
  }

  /** What a program printed. */
  output(text: string): void {
    this.#add('', '```', ...text.trimEnd().split('\n'), '```', '');
  }

  /** Does something and says how long it took. */
  async timed<T>(what: string, action: () => Promise<T>): Promise<T> {
    const beginMs = performance.now();
    const result = await action();
    this.note(`${what}: ${seconds(performance.now() - beginMs)}`);
    return result;
  }

  get elapsed(): string {
    return seconds(performance.now() - this.#beginMs);
  }

  markdown(): string {
    return `${this.#lines
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim()}\n`;
  }

  #add(...lines: string[]): void {
    this.#lines.push(...lines);
    for (const line of lines) console.log(line);
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
