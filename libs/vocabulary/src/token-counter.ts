/** Occurrences of each full token id. Adding counters up is associative and commutative, so shards can be merged. */
export class TokenCounter {
  // Doubles count exactly up to 2^53; 32-bit integers would wrap on a large corpus.
  #counts: Float64Array;
  #distinctCount = 0;
  #totalCount = 0;

  /** @param idCapacity ids to make room for at once; it grows with larger ids */
  constructor(idCapacity = 0) {
    this.#counts = new Float64Array(idCapacity);
  }

  /** Counts every id once more. */
  add(fullTokenIds: ArrayLike<number>): void {
    for (let index = 0; index < fullTokenIds.length; index++) this.addTimes(fullTokenIds[index] ?? 0, 1);
  }

  /** Counts an id that many times more. */
  addTimes(fullTokenId: number, times: number): void {
    if (fullTokenId >= this.#counts.length) this.#grow(fullTokenId + 1);
    const before = this.#counts[fullTokenId] ?? 0;
    if (before === 0 && times > 0) this.#distinctCount++;
    this.#counts[fullTokenId] = before + times;
    this.#totalCount += times;
  }

  /** Adds another counter's counts to this one's. */
  merge(other: TokenCounter): void {
    for (const [fullTokenId, count] of other.entries()) this.addTimes(fullTokenId, count);
  }

  /** How often an id occurs. */
  get(fullTokenId: number): number {
    return this.#counts[fullTokenId] ?? 0;
  }

  /** Ids that occur, ascending, with their counts. */
  *entries(): Generator<[fullTokenId: number, count: number], void, undefined> {
    for (let fullTokenId = 0; fullTokenId < this.#counts.length; fullTokenId++) {
      const count = this.#counts[fullTokenId] ?? 0;
      if (count > 0) yield [fullTokenId, count];
    }
  }

  /** Number of ids that occur. */
  get distinctCount(): number {
    return this.#distinctCount;
  }

  /** Sum of all counts. */
  get totalCount(): number {
    return this.#totalCount;
  }

  #grow(size: number): void {
    const grown = new Float64Array(Math.max(size, this.#counts.length * 2));
    grown.set(this.#counts);
    this.#counts = grown;
  }
}
