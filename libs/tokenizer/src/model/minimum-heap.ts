/** A binary heap of numbers, smallest first. */
export class MinimumHeap {
  #keys = new Float64Array(64);
  #size = 0;

  push(key: number): void {
    if (this.#size === this.#keys.length) {
      const larger = new Float64Array(this.#size * 2);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentKey = this.#keys[parent] ?? 0;
      if (parentKey <= key) break;
      this.#keys[at] = parentKey;
      at = parent;
    }
    this.#keys[at] = key;
  }

  /** Takes the smallest key; undefined where there is none. */
  pop(): number | undefined {
    if (this.#size === 0) return undefined;
    const smallest = this.#keys[0];
    const last = this.#keys[--this.#size] ?? 0;
    let at = 0;
    for (let child = 1; child < this.#size; child = at * 2 + 1) {
      if (child + 1 < this.#size && (this.#keys[child + 1] ?? 0) < (this.#keys[child] ?? 0)) child++;
      const childKey = this.#keys[child] ?? 0;
      if (childKey >= last) break;
      this.#keys[at] = childKey;
      at = child;
    }
    this.#keys[at] = last;
    return smallest;
  }
}
