/** Ids of blocks, kept one after the other; memory is touched before the clock starts, as a program's own buffers are. */
export class IdStore {
  /** Shared memory, so that a worker's results need no copy. */
  ids: Uint32Array;
  length = 0;

  constructor(capacity: number) {
    this.ids = new Uint32Array(new SharedArrayBuffer(capacity * 4)).fill(1);
  }

  /** @returns where the block's ids are now */
  add(ids: Uint32Array): Uint32Array {
    const end = this.length + ids.length;
    if (end > this.ids.length) {
      const larger = new Uint32Array(new SharedArrayBuffer(end * 8));
      larger.set(this.ids.subarray(0, this.length));
      this.ids = larger;
    }
    this.ids.set(ids, this.length);
    const kept = this.ids.subarray(this.length, end);
    this.length = end;
    return kept;
  }
}

/** What one block gave. */
export interface BlockResult {
  /** Which block of the corpus. */
  readonly index: number;
  /** When counting: tokens of each record. */
  readonly recordLengths?: Uint32Array;
  /** When encoding: ids of all records of the block. */
  readonly ids?: Uint32Array;
  /** When encoding: where each record begins in `ids`, and where the last one ends. */
  readonly recordOffsets?: Uint32Array;
}

const EMPTY = new Uint32Array();

/** Results of all blocks, in order, as one. */
export interface CorpusResult {
  readonly recordLengths: Uint32Array;
  readonly ids: Uint32Array;
  readonly recordOffsets: Uint32Array;
}

/** Puts together what blocks gave in any order. */
export function gatherBlocks(results: readonly BlockResult[]): CorpusResult {
  const blocks = results.toSorted((a, b) => a.index - b.index);
  const offsets: number[] = [0];
  let base = 0;
  for (const { recordOffsets = EMPTY, ids = EMPTY } of blocks) {
    for (const offset of recordOffsets.subarray(1)) offsets.push(base + offset);
    base += ids.length;
  }
  return {
    recordLengths: concatenate(blocks.map((block) => block.recordLengths ?? EMPTY)),
    ids: concatenate(blocks.map((block) => block.ids ?? EMPTY)),
    recordOffsets: Uint32Array.from(offsets),
  };
}

function concatenate(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
