import { setWord } from './words';

/** Ids of the chunk that is tokenized now, and bytes that are worked on for it. */
export class Found {
  /** `[FOUND_CAPACITY]` ids, 4 bytes each. */
  static ids: usize = 0;
  static count: u32 = 0;
  /** `[WORK_BYTES]`, 16 more to read past. */
  static work: usize = 0;
}

/** What a model answers for chunks that it leaves to the host. */
export const ODD: i32 = -2;

/** Longest chunk that the engine tokenizes by itself; what it becomes stays below the capacities below. */
export const MAX_CHUNK_BYTES: u32 = 4096;
export const FOUND_CAPACITY: u32 = 16384;
export const WORK_BYTES: u32 = 16384;

export function push(id: u32): void {
  setWord(Found.ids, Found.count, id);
  Found.count++;
}

export function setFound(ids: usize, work: usize): void {
  Found.ids = ids;
  Found.work = work;
}
