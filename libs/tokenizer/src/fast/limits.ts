/**
 * Bytes for remembered chunks where nothing is said: room for about two million, which text of 500 languages reaches
 * after some 250 MB.
 */
export const DEFAULT_MEMO_BYTES = 256 * 1024 * 1024;

/** Bytes for parts of long chunks, beside the above. */
export const UNIT_MEMO_BYTES = 32 * 1024 * 1024;
