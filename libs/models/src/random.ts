/**
 * Random numbers that are a pure function of a seed and a stream: splitmix64 (Steele, Lea & Flood, OOPSLA 2014), which
 * passes BigCrush and is short enough to read. Not for secrets.
 */
export class SeededRandom {
  #state: bigint;

  /** @param stream keeps the draws of different uses of one seed apart, e.g. a parameter's name or `shuffle:3` */
  constructor(seed: number, stream: string) {
    let state = BigInt.asUintN(64, BigInt(Math.trunc(seed)));
    for (const byte of new TextEncoder().encode(stream)) state = mix(state ^ BigInt(byte));
    this.#state = state;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    this.#state = BigInt.asUintN(64, this.#state + 0x9e3779b97f4a7c15n);
    return Number(mix(this.#state) >> 11n) / 2 ** 53;
  }

  /** An integer from 0 to below `bound`; the bias of at most bound / 2^53 does not matter here. */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Box & Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

function mix(value: bigint): bigint {
  let z = BigInt.asUintN(64, value + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}
