import type { DatabaseSync } from 'node:sqlite';

/** Statements that bring a store from one version to the next; PRAGMA user_version counts those that were made. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE resource (
     row_number INTEGER PRIMARY KEY AUTOINCREMENT,
     name TEXT NOT NULL UNIQUE,
     uid TEXT NOT NULL,
     request_id TEXT UNIQUE,
     request_digest TEXT NOT NULL,
     state INTEGER NOT NULL,
     is_final INTEGER NOT NULL,
     spec BLOB NOT NULL,
     resource BLOB NOT NULL,
     last_sequence INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX resource_state ON resource (state);
   CREATE INDEX resource_unfinished ON resource (is_final) WHERE is_final = 0;
   CREATE TABLE event (
     name TEXT NOT NULL REFERENCES resource (name) ON DELETE CASCADE,
     sequence INTEGER NOT NULL,
     time_ms INTEGER NOT NULL,
     payload BLOB NOT NULL,
     PRIMARY KEY (name, sequence)
   ) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE resource ADD COLUMN start_count INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE resource ADD COLUMN progress_mark INTEGER NOT NULL DEFAULT 0;`,
];

/**
 * Brings a store to this version's schema.
 * @throws Error when a newer version wrote it
 */
export function migrate(database: DatabaseSync, file: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > MIGRATIONS.length)
    throw new Error(`${file}: has schema version ${version}, this version of pemmican knows ${MIGRATIONS.length}`);
  MIGRATIONS.slice(version).forEach((statements, index) => {
    database.exec(`BEGIN; ${statements}; PRAGMA user_version = ${version + index + 1}; COMMIT`);
  });
}
