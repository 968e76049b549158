/** Occurrences of each token id, and which ids occurred at all. */
export class TokenTotals {
  /** By full token id; doubles count exactly up to 2^53. */
  readonly counts: Float64Array;
  /** Ids that occurred since the beginning, `take` or not. */
  distinctCount = 0;
  readonly #isSeen: Uint8Array;

  constructor(vocabSize: number) {
    this.counts = new Float64Array(vocabSize);
    this.#isSeen = new Uint8Array(vocabSize);
  }

  add(id: number, times: number): void {
    this.counts[id] = (this.counts[id] ?? 0) + times;
    if (this.#isSeen[id] !== 0) return;
    this.#isSeen[id] = 1;
    this.distinctCount++;
  }

  addAll(ids: Int32Array, start: number, count: number, times: number): void {
    for (let index = start; index < start + count; index++) this.add(ids[index] ?? 0, times);
  }

  /** Sets 1 at every id that occurred since the beginning; several totals may mark one array. */
  markSeen(target: Uint8Array): void {
    for (let id = 0; id < this.#isSeen.length; id++) if (this.#isSeen[id] !== 0) target[id] = 1;
  }

  /** The counts since the last call. */
  take(): Float64Array {
    const counts = this.counts.slice();
    this.counts.fill(0);
    return counts;
  }
}
