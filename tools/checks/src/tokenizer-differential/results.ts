import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What one comparison gave. */
export interface Result {
  readonly tokenizer: string;
  readonly subject: string;
  /** Corpus, or `fuzz`. */
  readonly corpus: string;
  /** What was done with the corpus, or the seed. */
  readonly mode: string;
  readonly examples: number;
  readonly differences: number;
  readonly commit: string;
  readonly command: string;
}

/** Results of all runs; a new one takes the place of the one with the same key. */
export class Results {
  readonly #file: string;
  readonly #results: Map<string, Result>;

  constructor(file: string) {
    this.#file = file;
    const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result[]) : [];
    this.#results = new Map(known.map((result) => [key(result), result]));
  }

  get all(): readonly Result[] {
    return [...this.#results.values()];
  }

  add(result: Result): void {
    this.#results.set(key(result), result);
    mkdirSync(path.dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify(this.all, null, 1)}\n`);
  }
}

const key = ({ tokenizer, subject, corpus, mode }: Result): string => [tokenizer, subject, corpus, mode].join('|');
