/** What came of the examples of a batch: `lengths[example]` ids each, or -1 where the tokenizer refused the example. */
export interface Encodings {
  readonly lengths: Int32Array;
  readonly ids: Uint32Array;
  readonly typeIds: Uint8Array;
}

/** Collects the ids of examples. */
export class EncodingsBuilder {
  readonly #lengths: number[] = [];
  #ids = new Uint32Array(1 << 16);
  #typeIds = new Uint8Array(1 << 16);
  #count = 0;

  add(ids: Uint32Array, typeIds: Uint8Array): void {
    if (this.#count + ids.length > this.#ids.length) {
      const capacity = 2 * (this.#count + ids.length);
      const [grownIds, grownTypeIds] = [new Uint32Array(capacity), new Uint8Array(capacity)];
      grownIds.set(this.#ids);
      grownTypeIds.set(this.#typeIds);
      [this.#ids, this.#typeIds] = [grownIds, grownTypeIds];
    }
    this.#ids.set(ids, this.#count);
    this.#typeIds.set(typeIds, this.#count);
    this.#count += ids.length;
    this.#lengths.push(ids.length);
  }

  /** An example that was refused. */
  addRefusal(): void {
    this.#lengths.push(-1);
  }

  finish(): Encodings {
    const [ids, typeIds] = [this.#ids.subarray(0, this.#count), this.#typeIds.subarray(0, this.#count)];
    return { lengths: Int32Array.from(this.#lengths), ids, typeIds };
  }
}

/** Indexes of the examples that differ. */
export function differing(expected: Encodings, actual: Encodings): number[] {
  const wrong: number[] = [];
  let at = 0;
  let ours = 0;
  for (let example = 0; example < expected.lengths.length; example++) {
    const length = expected.lengths[example] ?? -1;
    const ourLength = actual.lengths[example] ?? -1;
    let isEqual = length === ourLength;
    for (let index = 0; isEqual && index < length; index++)
      isEqual =
        expected.ids[at + index] === actual.ids[ours + index] &&
        expected.typeIds[at + index] === actual.typeIds[ours + index];
    if (!isEqual) wrong.push(example);
    at += Math.max(0, length);
    ours += Math.max(0, ourLength);
  }
  return wrong;
}

/** Ids of one example; undefined where it was refused. */
export function idsOf(encodings: Encodings, example: number): number[] | undefined {
  let start = 0;
  for (let index = 0; index < example; index++) start += Math.max(0, encodings.lengths[index] ?? 0);
  const length = encodings.lengths[example] ?? -1;
  return length < 0 ? undefined : Array.from(encodings.ids.subarray(start, start + length));
}

/** Of some examples, one after the other. */
export function slice(encodings: Encodings, start: number, end: number): Encodings {
  const sum = (count: number): number =>
    encodings.lengths.subarray(0, count).reduce((total, length) => total + Math.max(0, length), 0);
  const [from, to] = [sum(start), sum(end)];
  return {
    lengths: encodings.lengths.subarray(start, end),
    ids: encodings.ids.subarray(from, to),
    typeIds: encodings.typeIds.subarray(from, to),
  };
}
