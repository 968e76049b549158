import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { writeFileWhole } from '@pemmican/storage';
import { z } from 'zod';

const SUFFIX = '.json';
/** What `writeFileWhole` has not given its name when its process was killed. */
const LEFT_BY_SAVE = /^\..*\.json\..*\.tmp$/;

const schema = z.object({
  id: z.uuid(),
  /** What clients are told: the path that was asked for. */
  artifactUri: z.string(),
  /** The same with links followed. */
  path: z.string(),
  /** Whether the service chose the place. */
  isPlaceChosen: z.boolean(),
  overwrite: z.boolean(),
  requestId: z.string(),
  /** SHA-256 of the request that made it. */
  requestDigest: z.string(),
  files: z.array(z.object({ fileName: z.string(), sizeBytes: z.number(), digest: z.string() })),
  createTimeMs: z.number(),
  /** When it was finished; not set before. */
  endTimeMs: z.number().optional(),
});

/** What is kept of an upload beside its bytes. */
export type UploadRecord = z.infer<typeof schema>;

/** A record, and when the upload was last used. */
export interface StoredUpload {
  readonly record: UploadRecord;
  readonly activeTimeMs: number;
}

/** The records of a service's uploads: a JSON file each, whose time is that of the last use. */
export class UploadRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /**
   * All records. What was read and is none is removed; what cannot be read stays for the next process.
   * @param onUnreadable told of what cannot be read
   */
  load(onUnreadable: (file: string, error: unknown) => void): StoredUpload[] {
    return readdirSync(this.#folder).flatMap((name) => {
      const file = path.join(this.#folder, name);
      try {
        if (LEFT_BY_SAVE.test(name)) rmSync(file);
        if (!name.endsWith(SUFFIX)) return [];
        const text = readFileSync(file, 'utf8');
        const activeTimeMs = statSync(file).mtimeMs;
        const record = parseRecord(text);
        if (record !== undefined) return [{ record, activeTimeMs }];
        rmSync(file);
      } catch (error) {
        onUnreadable(file, error);
      }
      return [];
    });
  }

  /** @throws StorageError */
  async save(record: UploadRecord): Promise<void> {
    await writeFileWhole(this.#fileOf(record.id), Buffer.from(JSON.stringify(record)));
  }

  /** Notes that an upload was used. */
  async touch(id: string, timeMs: number): Promise<void> {
    await utimes(this.#fileOf(id), timeMs / 1000, timeMs / 1000).catch(() => undefined);
  }

  async remove(id: string): Promise<void> {
    await rm(this.#fileOf(id), { force: true });
  }

  #fileOf(id: string): string {
    return path.join(this.#folder, `${id}${SUFFIX}`);
  }
}

function parseRecord(text: string): UploadRecord | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
