import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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

  constructor(file: string) {
    this.#file = file;
  }

  get all(): readonly Result[] {
    return existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Result[]) : [];
  }

  /** Reads what there is anew: other runs may be adding theirs. */
  add(result: Result): void {
    const results = new Map(this.all.map((each) => [key(each), each]));
    results.set(key(result), result);
    mkdirSync(path.dirname(this.#file), { recursive: true });
    const partial = `${this.#file}.${process.pid}`;
    writeFileSync(partial, `${JSON.stringify([...results.values()], null, 1)}\n`);
    renameSync(partial, this.#file);
  }
}

const key = ({ tokenizer, subject, corpus, mode }: Result): string => [tokenizer, subject, corpus, mode].join('|');
