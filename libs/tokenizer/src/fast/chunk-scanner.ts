import type { ChunkModel } from './chunk-model.ts';
import {
  ChunkMemo,
  COUNT_SHIFT,
  FIRST_FLAG,
  FIRST_WORD_MASKS,
  hashWords,
  KEY_MASK,
  LENGTH_SHIFT,
  MAX_COUNT,
  MAX_IDS,
  MAX_INLINE_BYTES,
  MAX_KEY_BYTES,
  SECOND_WORD_MASKS,
  SLOT_INTS,
} from './chunk-memo.ts';
import type { CutRule } from './cut-rule.ts';
import { IdBuffer } from './id-buffer.ts';
import type { TokenTotals } from './token-totals.ts';
import { codePointBefore } from './utf8.ts';

const ONE_COUNT = 1 << COUNT_SHIFT;
// The hot loop reads eight bytes at a time, past the end of the last chunk.
const PADDING = 16;

/**
 * Cuts bytes into chunks and looks each up in the memo: the hot loop of counting and of encoding. Ids are either written
 * to `ids` or counted: in the memo's slots until `flush`, in `totals` after it.
 */
export class ChunkScanner {
  /** Ids of what was scanned; only its length is set back by the caller. */
  readonly ids = new IdBuffer(1 << 12);
  /** When counting: tokens of the text so far, and whether it had more than `limit`. */
  tokenCount = 0;
  limit = Infinity;
  isTruncated = false;
  bytes: Uint8Array = new Uint8Array(PADDING);
  #view = new DataView(this.bytes.buffer);
  readonly #rule: CutRule;
  readonly #model: ChunkModel;
  readonly #totals: TokenTotals;
  readonly #memo: ChunkMemo;
  readonly #found = new IdBuffer(MAX_KEY_BYTES);

  constructor(rule: CutRule, model: ChunkModel, totals: TokenTotals, capBytes: number) {
    this.#totals = totals;
    this.#rule = rule;
    this.#model = model;
    this.#memo = new ChunkMemo(capBytes);
  }

  /** Bytes that the memo takes. */
  get memoBytes(): number {
    return this.#memo.byteCount;
  }

  /** Takes a copy of the bytes that are scanned next. */
  load(bytes: Uint8Array): void {
    if (this.bytes.length < bytes.length + PADDING) {
      this.bytes = new Uint8Array(bytes.length + (bytes.length >> 2) + PADDING);
      this.#view = new DataView(this.bytes.buffer);
    }
    this.bytes.set(bytes);
  }

  /** Writes or counts the ids of a stretch without added tokens. */
  scan(start: number, end: number, isFirst: boolean, isCounting: boolean): void {
    const { bytes, limit } = this;
    const view = this.#view;
    const memo = this.#memo;
    const { table, isolatesIdeographs } = this.#rule;
    let { slots, mask } = memo;
    let flag = isFirst ? FIRST_FLAG : 0;
    for (let at = start; at < end;) {
      let previous = bytes[at] ?? 0;
      let next = at + 1;
      if (isolatesIdeographs && previous >= 0xe5 && previous <= 0xe9) next = at + 3;
      else
        for (; next < end; next++) {
          const current = bytes[next] ?? 0;
          const cut = table[(previous << 8) | current] ?? 0;
          if (cut !== 0 && (cut === 1 || this.#mayCut(next, cut))) break;
          previous = current;
        }
      const length = next - at;
      const key = length | flag;
      let place = -1;
      if (length <= MAX_INLINE_BYTES) {
        const first = view.getInt32(at, true) & (FIRST_WORD_MASKS[length] ?? 0);
        const second = length > 4 ? view.getInt32(at + 4, true) & (SECOND_WORD_MASKS[length] ?? 0) : 0;
        for (let slot = hashWords(first, second, key); ; slot++) {
          place = (slot & mask) * SLOT_INTS;
          const meta = slots[place + 2] ?? 0;
          if ((meta & KEY_MASK) === key && slots[place] === first && slots[place + 1] === second) break;
          if (meta !== 0) continue;
          place = -1;
          break;
        }
      } else if (length <= MAX_KEY_BYTES) {
        place = memo.findLong(view, at, next, key, memo.hashLong(view, at, next));
      }
      if (place < 0) {
        this.#miss(at, next, flag, isCounting);
        if (this.isTruncated) return;
        ({ slots, mask } = memo);
      } else {
        const meta = slots[place + 2] ?? 0;
        const idCount = (meta >>> LENGTH_SHIFT) & MAX_IDS;
        if (!isCounting) {
          if (idCount === 1) this.ids.push(slots[place + 3] ?? 0);
          else this.#copy(slots[place + 3] ?? 0, idCount);
        } else if (this.tokenCount + idCount > limit) {
          this.#countPart(place);
          return;
        } else {
          this.tokenCount += idCount;
          if (meta >>> COUNT_SHIFT === MAX_COUNT) this.#spill(place);
          slots[place + 2] = ((slots[place + 2] ?? 0) + ONE_COUNT) | 0;
        }
      }
      flag = 0;
      at = next;
    }
  }

  /** Moves the counts of the memo's slots to the totals. */
  flush(): void {
    const { slots } = this.#memo;
    for (let place = 0; place < slots.length; place += SLOT_INTS)
      if ((slots[place + 2] ?? 0) >>> COUNT_SHIFT !== 0) this.#spill(place);
  }

  #mayCut(position: number, mask: number): boolean {
    const codePoint = codePointBefore(this.bytes, position);
    const { characterBits, classify } = this.#rule;
    if (characterBits === undefined) return false;
    const bits = characterBits[codePoint] ?? 0;
    if (bits !== 0 || classify === undefined) return (bits & mask) !== 0;
    return ((characterBits[codePoint] = classify(codePoint)) & mask) !== 0;
  }

  #copy(from: number, count: number): void {
    const { values } = this.#memo;
    const buffer = this.ids;
    if (buffer.length + count > buffer.ids.length) buffer.reserve(count);
    const { ids } = buffer;
    for (let index = 0; index < count; index++) ids[buffer.length + index] = values[from + index] ?? 0;
    buffer.length += count;
  }

  #miss(start: number, end: number, flag: number, isCounting: boolean): void {
    const found = this.#found;
    found.length = 0;
    this.#model.tokenize(this.bytes, start, end, flag !== 0, found);
    const idCount = found.length;
    if (!isCounting) {
      this.ids.reserve(idCount);
      this.ids.ids.set(found.ids.subarray(0, idCount), this.ids.length);
      this.ids.length += idCount;
    } else {
      const counted = Math.min(idCount, this.limit - this.tokenCount);
      this.#totals.addAll(found.ids, 0, counted, 1);
      this.tokenCount += counted;
      if (counted < idCount) {
        // Not remembered: `totals` has not seen all of its ids.
        this.isTruncated = true;
        return;
      }
    }
    if (end - start > MAX_KEY_BYTES || idCount > MAX_IDS) return;
    const memo = this.#memo;
    if (!memo.makeRoom(end - start, idCount)) {
      this.flush();
      memo.clear();
      if (!memo.makeRoom(end - start, idCount)) return;
    }
    memo.add(this.bytes, this.#view, start, end, (end - start) | flag, found.ids, idCount);
  }

  /** Counts the ids of a chunk up to the limit. */
  #countPart(place: number): void {
    const { slots, values } = this.#memo;
    const counted = this.limit - this.tokenCount;
    const isOne = (((slots[place + 2] ?? 0) >>> LENGTH_SHIFT) & MAX_IDS) === 1;
    if (!isOne) this.#totals.addAll(values, slots[place + 3] ?? 0, counted, 1);
    this.tokenCount += counted;
    this.isTruncated = true;
  }

  /** Moves the count of one slot to the totals. */
  #spill(place: number): void {
    const { slots, values } = this.#memo;
    const meta = slots[place + 2] ?? 0;
    const idCount = (meta >>> LENGTH_SHIFT) & MAX_IDS;
    const value = slots[place + 3] ?? 0;
    if (idCount === 1) this.#totals.add(value, meta >>> COUNT_SHIFT);
    else this.#totals.addAll(values, value, idCount, meta >>> COUNT_SHIFT);
    slots[place + 2] = meta & (ONE_COUNT - 1);
  }
}
