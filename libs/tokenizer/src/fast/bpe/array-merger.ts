import type { MergeTable } from '../../model/merge-table.ts';
import { Merger } from '../../model/merger.ts';
import type { IdBuffer } from '../id-buffer.ts';

// Above this, looking for the lowest rank anew after each merge costs more than a heap.
const MAX_SCANNED_SYMBOLS = 64;
const NO_MERGE = 0x7fffffff;

/** Merges the symbols of a word as Merger does; for short ones without a heap and without garbage. */
export class ArrayMerger {
  /** The symbols to merge; `count` of them. */
  symbols = new Int32Array(256);
  count = 0;
  readonly #merges: MergeTable;
  readonly #merger: Merger;
  readonly #ranks = new Int32Array(MAX_SCANNED_SYMBOLS);
  readonly #merged = new Int32Array(MAX_SCANNED_SYMBOLS);

  constructor(merges: MergeTable) {
    this.#merges = merges;
    this.#merger = new Merger(merges);
  }

  push(symbol: number): void {
    if (this.count === this.symbols.length) {
      const larger = new Int32Array(this.count * 2);
      larger.set(this.symbols);
      this.symbols = larger;
    }
    this.symbols[this.count++] = symbol;
  }

  /** Merges the symbols, writes what is left and takes them all away. */
  merge(ids: IdBuffer): void {
    let { count } = this;
    this.count = 0;
    if (count > MAX_SCANNED_SYMBOLS) {
      for (const id of this.#merger.merge(Array.from(this.symbols.subarray(0, count)))) ids.push(id);
      return;
    }
    const { symbols } = this;
    const ranks = this.#ranks;
    const merged = this.#merged;
    for (let at = 0; at + 1 < count; at++) this.#rank(at);
    for (;;) {
      let lowest = NO_MERGE;
      let best = -1;
      for (let at = 0; at + 1 < count; at++) {
        const rank = ranks[at] ?? 0;
        if (rank >= lowest) continue;
        lowest = rank;
        best = at;
      }
      if (best < 0) break;
      symbols[best] = merged[best] ?? 0;
      count--;
      for (let at = best + 1; at < count; at++) {
        symbols[at] = symbols[at + 1] ?? 0;
        ranks[at] = ranks[at + 1] ?? 0;
        merged[at] = merged[at + 1] ?? 0;
      }
      if (best + 1 < count) this.#rank(best);
      if (best > 0) this.#rank(best - 1);
    }
    for (let at = 0; at < count; at++) ids.push(symbols[at] ?? 0);
  }

  #rank(at: number): void {
    const merge = this.#merges.find(this.symbols[at] ?? 0, this.symbols[at + 1] ?? 0);
    this.#ranks[at] = merge < 0 ? NO_MERGE : this.#merges.rankAt(merge);
    if (merge >= 0) this.#merged[at] = this.#merges.mergedIdAt(merge);
  }
}
