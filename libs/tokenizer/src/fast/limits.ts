/**
 * Bytes for remembered chunks where nothing is said: room for about two million, which text of 500 languages reaches
 * after some 250 MB.
 */
export const DEFAULT_MEMO_BYTES = 256 * 1024 * 1024;

/** Records that the engine takes at a time: code that it optimizes meanwhile counts from the next call on. */
export const RECORDS_PER_CALL = 256;

/** What the engine takes for no limit of tokens. */
export const NO_LIMIT = 0xffff_ffff;
