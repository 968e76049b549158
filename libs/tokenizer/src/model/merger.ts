import { MinimumHeap } from './minimum-heap.ts';
import type { MergeTable } from './merge-table.ts';

// Positions in one piece; a JavaScript string is never longer. Ranks are below 2 ** 23, so that keys are exact.
const POSITION_COUNT = 2 ** 30;

/**
 * Merges the symbols of a word, lowest rank first and then from the left (tokenizers' `bpe/word.rs`): a linked list and a
 * heap, so that a word of n symbols takes O(n log n).
 */
export class Merger {
  readonly #merges: MergeTable;
  readonly #heap = new MinimumHeap();
  // By position: the symbol's id, -1 once it is part of the one before; its neighbours, -1 where there is none.
  #symbols = new Int32Array(0);
  #previous = new Int32Array(0);
  #next = new Int32Array(0);

  constructor(merges: MergeTable) {
    this.#merges = merges;
  }

  /**
   * @param firsts gets, by id that is left, the position of the first symbol that it was made of
   * @returns the ids that are left when no pair can be merged any more
   */
  merge(symbols: readonly number[], firsts?: number[]): number[] {
    const count = symbols.length;
    if (count < 2) {
      firsts?.push(...symbols.keys());
      return symbols.slice();
    }
    this.#load(symbols);
    for (let position = 0; position + 1 < count; position++) this.#offer(position);
    for (let key = this.#heap.pop(); key !== undefined; key = this.#heap.pop()) {
      const rank = Math.floor(key / POSITION_COUNT);
      this.#mergeAt(key - rank * POSITION_COUNT, rank);
    }
    const ids: number[] = [];
    for (let position = 0; position >= 0; position = this.#next[position] ?? -1) {
      ids.push(this.#symbols[position] ?? 0);
      firsts?.push(position);
    }
    return ids;
  }

  #load(symbols: readonly number[]): void {
    const count = symbols.length;
    if (this.#symbols.length < count) {
      this.#symbols = new Int32Array(count * 2);
      this.#previous = new Int32Array(count * 2);
      this.#next = new Int32Array(count * 2);
    }
    for (let position = 0; position < count; position++) {
      this.#symbols[position] = symbols[position] ?? 0;
      this.#previous[position] = position - 1;
      this.#next[position] = position + 1 < count ? position + 1 : -1;
    }
  }

  /** Puts the merge of a position and the next one on the heap, if there is one. */
  #offer(position: number): void {
    const next = this.#next[position] ?? -1;
    const merge = this.#merges.find(this.#symbols[position] ?? 0, this.#symbols[next] ?? 0);
    if (merge >= 0) this.#heap.push(this.#merges.rankAt(merge) * POSITION_COUNT + position);
  }

  #mergeAt(position: number, rank: number): void {
    const next = this.#next[position] ?? -1;
    if ((this.#symbols[position] ?? -1) < 0 || next < 0) return;
    // What is there now may be another pair than when this was put on the heap.
    const merge = this.#merges.find(this.#symbols[position] ?? 0, this.#symbols[next] ?? 0);
    if (merge < 0 || this.#merges.rankAt(merge) !== rank) return;
    const afterNext = this.#next[next] ?? -1;
    this.#symbols[position] = this.#merges.mergedIdAt(merge);
    this.#symbols[next] = -1;
    this.#next[position] = afterNext;
    const previous = this.#previous[position] ?? -1;
    if (previous >= 0) this.#offer(previous);
    if (afterNext < 0) return;
    this.#previous[afterNext] = position;
    this.#offer(position);
  }
}
