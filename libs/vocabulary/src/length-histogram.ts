/** Lengths of records in tokens; percentiles are exact, and histograms of shards add up. */
export class LengthHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #maximum = 0;

  /** Adds records of one length. */
  add(length: number, recordCount = 1): void {
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + recordCount);
    this.#total += recordCount;
    this.#maximum = Math.max(this.#maximum, length);
  }

  /** The smallest length that at least `share` of the records do not exceed; 0 without records. */
  percentile(share: number): number {
    let seen = 0;
    for (const [length, recordCount] of this.entries()) {
      seen += recordCount;
      if (seen >= share * this.#total) return length;
    }
    return 0;
  }

  /** 0 without records. */
  get maximum(): number {
    return this.#maximum;
  }

  get recordCount(): number {
    return this.#total;
  }

  /** Lengths that occur, ascending, each with its number of records. */
  entries(): [length: number, recordCount: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }
}
