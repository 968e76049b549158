import { readFile } from 'node:fs/promises';

import { writeWholeFile } from './write-file.ts';

const JOURNAL_VERSION = 1;

/** A stage that is done. */
export interface JournalEntry {
  /** Digest of everything that the stage's result depends on. */
  readonly digest: string;
  readonly result: unknown;
  readonly elapsedMs: number;
}

interface JournalFile {
  readonly version: number;
  readonly entries: Readonly<Record<string, JournalEntry>>;
}

/** Remembers which stages of a run are done, so that an interrupted run does not repeat them. */
export class Journal {
  readonly #file: string;
  readonly #entries: Map<string, JournalEntry>;

  private constructor(file: string, entries: Map<string, JournalEntry>) {
    this.#file = file;
    this.#entries = entries;
  }

  /** Opens the journal of a folder; one that is missing or cannot be read counts as empty. */
  static async open(file: string): Promise<Journal> {
    try {
      const parsed = JSON.parse(await readFile(file, 'utf8')) as JournalFile;
      if (parsed.version === JOURNAL_VERSION) return new Journal(file, new Map(Object.entries(parsed.entries)));
    } catch {
      // It is written whole or not at all; what cannot be read is no journal of ours.
    }
    return new Journal(file, new Map());
  }

  /** The entry of a stage that was done with the same inputs. */
  find(stage: string, digest: string): JournalEntry | undefined {
    const entry = this.#entries.get(stage);
    return entry?.digest === digest ? entry : undefined;
  }

  /** Notes that a stage is done. */
  async record(stage: string, entry: JournalEntry): Promise<void> {
    this.#entries.set(stage, entry);
    const file: JournalFile = { version: JOURNAL_VERSION, entries: Object.fromEntries(this.#entries) };
    await writeWholeFile(this.#file, `${JSON.stringify(file)}\n`);
  }
}
