/** Lengths of records in tokens; percentiles are exact. */
export class LengthHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #maximum = 0;

  add(length: number): void {
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + 1);
    this.#total++;
    this.#maximum = Math.max(this.#maximum, length);
  }

  /** The smallest length that at least `share` of the records do not exceed; 0 without records. */
  percentile(share: number): number {
    let seen = 0;
    for (const length of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(length) ?? 0;
      if (seen >= share * this.#total) return length;
    }
    return 0;
  }

  /** 0 without records. */
  get maximum(): number {
    return this.#maximum;
  }
}
