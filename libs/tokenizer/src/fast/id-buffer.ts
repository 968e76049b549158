/** Token ids in a growing array. */
export class IdBuffer {
  ids: Int32Array;
  length = 0;

  constructor(capacity = 1024) {
    this.ids = new Int32Array(Math.max(1, capacity));
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.reserve(1);
    this.ids[this.length++] = id;
  }

  /** Makes room for that many more ids. */
  reserve(count: number): void {
    const least = this.length + count;
    if (least <= this.ids.length) return;
    const larger = new Int32Array(Math.max(least, this.ids.length * 2));
    larger.set(this.ids.subarray(0, this.length));
    this.ids = larger;
  }
}
