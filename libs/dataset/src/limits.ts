/** Largest record in bytes: a text of 50 MB passes, and one that never ends does not take all memory. */
export const MAX_RECORD_BYTES = 128 * 1024 * 1024;

/** Most columns of a table: far past any data set's. */
export const MAX_COLUMN_COUNT = 10_000;

/** Deepest nesting of a JSON record. */
export const MAX_JSON_DEPTH = 512;
