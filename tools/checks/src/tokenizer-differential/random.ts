/** Random numbers that come again with the same seed (sfc32). */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(0x9e3779b9, 0x243f6a88, 0xb7e15162, seed);
    for (let round = 0; round < 16; round++) this.#word();
  }

  /** An integer of [0, limit). */
  below(limit: number): number {
    return Math.floor((this.#word() / 0x1_0000_0000) * limit);
  }

  chance(probability: number): boolean {
    return this.#word() / 0x1_0000_0000 < probability;
  }

  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('Nothing to pick from');
    return value;
  }

  #word(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const result = (a + b + counter) >>> 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }
}
