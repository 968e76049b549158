// Lengths up to this are counted in an array, since nearly all records have one; longer ones in a map.
const ARRAY_LENGTH = 1 << 14;

/** Lengths of records in tokens; percentiles are exact, and histograms of shards add up. */
export class LengthHistogram {
  // Doubles count exactly up to 2^53.
  readonly #counts = new Float64Array(ARRAY_LENGTH);
  readonly #longCounts = new Map<number, number>();
  #total = 0;
  #maximum = 0;

  /** Adds records of one length. */
  add(length: number, recordCount = 1): void {
    if (length < ARRAY_LENGTH) this.#counts[length] = (this.#counts[length] ?? 0) + recordCount;
    else this.#longCounts.set(length, (this.#longCounts.get(length) ?? 0) + recordCount);
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
    const entries: [number, number][] = [];
    this.#counts.forEach((recordCount, length) => {
      if (recordCount > 0) entries.push([length, recordCount]);
    });
    return [...entries, ...[...this.#longCounts].sort(([a], [b]) => a - b)];
  }
}
