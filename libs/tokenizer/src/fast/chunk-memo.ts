/** Ints of a slot. */
export const SLOT_INTS = 4;
/** Longest key in bytes; longer chunks hardly come again. */
export const MAX_KEY_BYTES = 64;
/** Longest key that lies in its slot. */
export const MAX_INLINE_BYTES = 8;
/** In a slot's `meta`: the key's bytes and, with this bit, that it is a first chunk. */
export const FIRST_FLAG = 0x80;
export const KEY_MASK = 0xff;
/** Shifts of the number of ids (8 bits) and of the count (16 bits) in `meta`. */
export const LENGTH_SHIFT = 8;
export const COUNT_SHIFT = 16;
/** Most ids of a chunk that is remembered. */
export const MAX_IDS = 0xff;
export const MAX_COUNT = 0xffff;

const MIN_SLOTS = 64;
const INITIAL_SLOTS = 1 << 15;
const INITIAL_ARENA = 1 << 16;

/** First and second word of a key of up to 8 bytes: what of the words at its place belongs to it. */
export const FIRST_WORD_MASKS: Int32Array = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1, -1, -1, -1, -1);
export const SECOND_WORD_MASKS: Int32Array = Int32Array.of(0, 0, 0, 0, 0, 0xff, 0xffff, 0xffffff, -1);

export function hashWords(first: number, second: number, meta: number): number {
  const hash = Math.imul(first ^ Math.imul(second, 0x85ebca6b) ^ meta, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/**
 * Chunks and their ids in typed arrays: an open-addressing table of bounded size that is emptied when it is full, since
 * all that it holds can be computed again.
 *
 * A slot is four ints: two words of the key (of a key over 8 bytes its hash and where it lies in `keys`), `meta` (0 where
 * the slot is free), and the value: the id itself where there is one, otherwise where the ids lie in `values`.
 */
export class ChunkMemo {
  slots: Int32Array;
  mask: number;
  values: Int32Array;
  /** Chunks in the table. */
  size = 0;
  #keys: Uint8Array;
  #keyView: DataView;
  #keyEnd = 0;
  #valueEnd = 0;
  readonly #capBytes: number;

  /** @param capBytes most bytes of all arrays together, twice that while the table grows */
  constructor(capBytes: number) {
    this.#capBytes = capBytes;
    const slotCount = Math.max(MIN_SLOTS, Math.min(INITIAL_SLOTS, 2 ** Math.floor(Math.log2(capBytes / 32))));
    const arena = Math.max(512, Math.min(INITIAL_ARENA, capBytes >> 3));
    this.slots = new Int32Array(slotCount * SLOT_INTS);
    this.mask = slotCount - 1;
    this.#keys = new Uint8Array(arena);
    this.#keyView = new DataView(this.#keys.buffer);
    this.values = new Int32Array(arena >> 1);
  }

  get byteCount(): number {
    return this.slots.byteLength + this.#keys.byteLength + this.values.byteLength;
  }

  /** Place in `slots` of a key of any length, or -1. */
  find(view: DataView, start: number, end: number, key: number): number {
    const length = end - start;
    if (length > MAX_INLINE_BYTES)
      return Math.max(-1, this.findLong(view, start, end, key, this.hashLong(view, start, end)));
    const { slots, mask } = this;
    const first = view.getInt32(start, true) & (FIRST_WORD_MASKS[length] ?? 0);
    const second = length > 4 ? view.getInt32(start + 4, true) & (SECOND_WORD_MASKS[length] ?? 0) : 0;
    for (let slot = hashWords(first, second, key); ; slot++) {
      const at = (slot & mask) * SLOT_INTS;
      const meta = slots[at + 2] ?? 0;
      if (meta === 0) return -1;
      if ((meta & KEY_MASK) === key && slots[at] === first && slots[at + 1] === second) return at;
    }
  }

  /** Hash of a key of more than 8 bytes. */
  hashLong(view: DataView, start: number, end: number): number {
    let hash = end - start;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return at === end ? hash : Math.imul(hash ^ view.getInt32(end - 4, true), 0x85ebca6b);
  }

  /** Place in `slots` of a key of more than 8 bytes, or of the free slot for it as `-1 - place`. */
  findLong(view: DataView, start: number, end: number, key: number, hash: number): number {
    const { slots, mask } = this;
    const keyView = this.#keyView;
    for (let slot = hash ^ (hash >>> 15); ; slot++) {
      const at = (slot & mask) * SLOT_INTS;
      const meta = slots[at + 2] ?? 0;
      if (meta === 0) return -1 - at;
      if (slots[at] !== hash || (meta & KEY_MASK) !== key) continue;
      const keyStart = slots[at + 1] ?? 0;
      const keyEnd = keyStart + end - start;
      let from = start;
      let to = keyStart;
      while (to + 4 <= keyEnd && view.getInt32(from, true) === keyView.getInt32(to, true)) {
        from += 4;
        to += 4;
      }
      if (to + 4 > keyEnd && (to === keyEnd || view.getInt32(end - 4, true) === keyView.getInt32(keyEnd - 4, true)))
        return at;
    }
  }

  /** Whether a key and its ids can be added without going over the cap; makes room for them. */
  makeRoom(keyBytes: number, idCount: number): boolean {
    if (this.size * 2 > this.mask && !this.#growSlots()) return false;
    if (keyBytes > MAX_INLINE_BYTES && this.#keyEnd + keyBytes > this.#keys.length) {
      if (this.byteCount + this.#keys.length > this.#capBytes) return false;
      const keys = new Uint8Array(this.#keys.length * 2);
      keys.set(this.#keys);
      this.#keys = keys;
      this.#keyView = new DataView(keys.buffer);
    }
    if (idCount > 1 && this.#valueEnd + idCount > this.values.length) {
      if (this.byteCount + this.values.byteLength > this.#capBytes) return false;
      const values = new Int32Array(this.values.length * 2);
      values.set(this.values);
      this.values = values;
    }
    return this.#keyEnd + keyBytes <= this.#keys.length && this.#valueEnd + idCount <= this.values.length;
  }

  /** Adds a chunk that is not there; `makeRoom` has to come first. */
  add(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    key: number,
    ids: Int32Array,
    idCount: number,
  ): number {
    const { slots, mask } = this;
    const length = end - start;
    let first: number;
    let second: number;
    let slot: number;
    if (length <= MAX_INLINE_BYTES) {
      first = view.getInt32(start, true) & (FIRST_WORD_MASKS[length] ?? 0);
      second = length > 4 ? view.getInt32(start + 4, true) & (SECOND_WORD_MASKS[length] ?? 0) : 0;
      slot = hashWords(first, second, key);
    } else {
      first = this.hashLong(view, start, end);
      second = this.#keyEnd;
      this.#keys.set(bytes.subarray(start, end), second);
      this.#keyEnd += length;
      slot = first ^ (first >>> 15);
    }
    while (slots[(slot & mask) * SLOT_INTS + 2] !== 0) slot++;
    const at = (slot & mask) * SLOT_INTS;
    slots[at] = first;
    slots[at + 1] = second;
    slots[at + 2] = key | (idCount << LENGTH_SHIFT);
    if (idCount === 1) slots[at + 3] = ids[0] ?? 0;
    else {
      slots[at + 3] = this.#valueEnd;
      for (let index = 0; index < idCount; index++) this.values[this.#valueEnd++] = ids[index] ?? 0;
    }
    this.size++;
    return at;
  }

  clear(): void {
    this.slots.fill(0);
    this.size = this.#keyEnd = this.#valueEnd = 0;
  }

  #growSlots(): boolean {
    const old = this.slots;
    if (this.byteCount + old.byteLength > this.#capBytes) return false;
    const slots = new Int32Array(old.length * 2);
    const mask = this.mask * 2 + 1;
    for (let from = 0; from < old.length; from += SLOT_INTS) {
      const meta = old[from + 2] ?? 0;
      if (meta === 0) continue;
      const key = meta & KEY_MASK;
      const first = old[from] ?? 0;
      const second = old[from + 1] ?? 0;
      const isInline = (key & (FIRST_FLAG - 1)) <= MAX_INLINE_BYTES;
      let slot = isInline ? hashWords(first, second, key) : first ^ (first >>> 15);
      while (slots[(slot & mask) * SLOT_INTS + 2] !== 0) slot++;
      const at = (slot & mask) * SLOT_INTS;
      slots[at] = first;
      slots[at + 1] = second;
      slots[at + 2] = meta;
      slots[at + 3] = old[from + 3] ?? 0;
    }
    this.slots = slots;
    this.mask = mask;
    return true;
  }
}
