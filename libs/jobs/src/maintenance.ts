import { setImmediate as nextTurn } from 'node:timers/promises';
import path from 'node:path';
import type { Logger } from '@pemmican/rpc';
import type { RunStore, StoredResource } from '@pemmican/run-store';
import { z } from 'zod';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

// Between two of these a service answers its calls.
const DELETION_BATCH = 50;

const schema = z.object({
  /** Days after which a job that has ended is deleted; 0 keeps all. */
  PEMMICAN_RETENTION_DAYS: z.coerce.number().min(0).max(36_500).default(0),
  /** Folder of the store's backups; none are made where it is not set. */
  PEMMICAN_BACKUP_DIRECTORY: z.string().min(1).optional(),
  PEMMICAN_BACKUP_INTERVAL_HOURS: z.coerce.number().min(1).max(8760).default(24),
  /** How many backups are kept. */
  PEMMICAN_BACKUP_COUNT: z.coerce.number().int().min(1).max(1000).default(7),
});

/** What is done with a store beside its use. */
export interface MaintenanceOptions {
  /** 0 keeps all. */
  readonly retentionMs: number;
  readonly backup?: { readonly folder: string; readonly intervalMs: number; readonly keptCount: number };
}

/**
 * Reads a service's environment.
 * @throws Error that names every variable that is wrong
 */
export function readMaintenance(environment: Readonly<Record<string, string | undefined>>): MaintenanceOptions {
  const parsed = schema.safeParse(environment);
  if (!parsed.success)
    throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  const { data } = parsed;
  return {
    retentionMs: data.PEMMICAN_RETENTION_DAYS * DAY_MS,
    ...(data.PEMMICAN_BACKUP_DIRECTORY === undefined
      ? {}
      : {
          backup: {
            folder: path.resolve(data.PEMMICAN_BACKUP_DIRECTORY),
            intervalMs: data.PEMMICAN_BACKUP_INTERVAL_HOURS * HOUR_MS,
            keptCount: data.PEMMICAN_BACKUP_COUNT,
          },
        }),
  };
}

export interface MaintainedStore {
  readonly store: RunStore;
  readonly collection: string;
  readonly logger: Logger;
  /** Removes what is kept of a deleted job beside the store. */
  readonly forget: (resource: StoredResource) => Promise<void>;
}

/** Deletes old jobs and makes backups: when a service starts, and every hour from then on. */
export class StoreMaintenance {
  readonly #options: MaintenanceOptions;
  readonly #maintained: MaintainedStore;
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;
  #pass: Promise<void>;

  constructor(options: MaintenanceOptions, maintained: MaintainedStore) {
    this.#options = options;
    this.#maintained = maintained;
    this.#pass = this.#makePass();
    this.#timer = setInterval(() => {
      this.#pass = this.#pass.then(() => this.#makePass());
    }, HOUR_MS).unref();
  }

  /** Ends with the pass that is under way. */
  async idle(): Promise<void> {
    await this.#pass;
  }

  /** Ends once nothing uses the store any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#pass;
  }

  /** Never rejects: a service whose disk of backups is full goes on, and says so. */
  async #makePass(): Promise<void> {
    const { collection, logger } = this.#maintained;
    await nextTurn();
    for (const work of [() => this.#deleteOld(), () => this.#backUp()])
      await work().catch((error: unknown) => {
        logger.error('maintenance of the store failed', { collection, error: String(error) });
      });
  }

  async #deleteOld(): Promise<void> {
    const { retentionMs } = this.#options;
    if (retentionMs === 0) return;
    const { store, collection, logger, forget } = this.#maintained;
    let count = 0;
    while (!this.#isClosed) {
      const deleted = store.deleteEndedBefore(new Date(Date.now() - retentionMs), DELETION_BATCH);
      for (const resource of deleted) await forget(resource);
      count += deleted.length;
      if (deleted.length < DELETION_BATCH) break;
      await nextTurn();
    }
    if (count > 0) logger.info('deleted old jobs', { collection, count });
  }

  async #backUp(): Promise<void> {
    const { backup } = this.#options;
    if (backup === undefined || this.#isClosed) return;
    const { store, collection, logger } = this.#maintained;
    const newest = store.newestBackupTime(backup.folder);
    if (newest !== undefined && Date.now() - newest.getTime() < backup.intervalMs) return;
    const file = await store.backUp(backup.folder, backup.keptCount);
    logger.info('backed up the store', { collection, file });
  }
}
