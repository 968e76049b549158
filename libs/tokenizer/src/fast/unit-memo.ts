import { ChunkMemo, LENGTH_SHIFT, MAX_IDS, MAX_KEY_BYTES } from './chunk-memo.ts';
import type { IdBuffer } from './id-buffer.ts';

const PADDING = 8;

/** Ids of parts of chunks, for text whose chunks are long: Chinese, Thai, addresses. */
export class UnitMemo {
  readonly #memo: ChunkMemo;
  // The key with room after it, since keys are read eight bytes at a time.
  readonly #key = new Uint8Array(MAX_KEY_BYTES + PADDING);
  readonly #view = new DataView(this.#key.buffer);

  constructor(capBytes: number) {
    this.#memo = new ChunkMemo(capBytes);
  }

  /** Appends the ids of a unit, if it is known. */
  copy(bytes: Uint8Array, start: number, end: number, ids: IdBuffer): boolean {
    const length = end - start;
    if (length > MAX_KEY_BYTES) return false;
    for (let index = 0; index < length; index++) this.#key[index] = bytes[start + index] ?? 0;
    const memo = this.#memo;
    const place = memo.find(this.#view, 0, length, length);
    if (place < 0) return false;
    const { slots, values } = memo;
    const idCount = ((slots[place + 2] ?? 0) >>> LENGTH_SHIFT) & MAX_IDS;
    const value = slots[place + 3] ?? 0;
    if (idCount === 1) ids.push(value);
    else for (let index = 0; index < idCount; index++) ids.push(values[value + index] ?? 0);
    return true;
  }

  /** Remembers the ids from `from` on for a unit that `copy` did not find. */
  add(bytes: Uint8Array, start: number, end: number, ids: IdBuffer, from: number): void {
    const length = end - start;
    const idCount = ids.length - from;
    if (length > MAX_KEY_BYTES || idCount > MAX_IDS) return;
    const memo = this.#memo;
    if (!memo.makeRoom(length, idCount)) {
      memo.clear();
      if (!memo.makeRoom(length, idCount)) return;
    }
    for (let index = 0; index < length; index++) this.#key[index] = bytes[start + index] ?? 0;
    memo.add(this.#key, this.#view, 0, length, length, ids.ids.subarray(from, ids.length), idCount);
  }
}
