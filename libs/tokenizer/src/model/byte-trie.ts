/**
 * A trie over bytes in two typed arrays: an open-addressing table from (node, byte) to node. A vocabulary of 250,000
 * pieces takes about 20 MB, where a Map of Maps takes hundreds.
 */
export class ByteTrie {
  #keys: Int32Array;
  #children: Int32Array;
  // Piece id + 1 by node; 0 where no piece ends.
  #values: Int32Array;
  #nodeCount = 1;

  /** @param byteCount bytes of all pieces together: an upper bound of the number of nodes */
  constructor(byteCount: number) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(64, byteCount * 1.6)));
    this.#keys = new Int32Array(capacity).fill(-1);
    this.#children = new Int32Array(capacity);
    this.#values = new Int32Array(byteCount + 1);
  }

  /** Adds a piece; of equal ones the last counts, as in the reference library's map. */
  insert(bytes: Uint8Array, id: number): void {
    let node = 0;
    for (const byte of bytes) node = this.child(node, byte, true);
    this.#values[node] = id + 1;
  }

  /** The node that a byte leads to, or -1; made where `create` is set. */
  child(node: number, byte: number, create = false): number {
    const key = node * 256 + byte;
    const mask = this.#keys.length - 1;
    let slot = Math.imul(key, 0x9e3779b1) >>> 0;
    for (slot = (slot ^ (slot >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const found = this.#keys[slot];
      if (found === key) return this.#children[slot] ?? -1;
      if (found !== -1) continue;
      if (!create) return -1;
      this.#keys[slot] = key;
      this.#children[slot] = this.#nodeCount;
      return this.#nodeCount++;
    }
  }

  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** Visits every edge, in no order. */
  forEachEdge(visit: (node: number, byte: number, child: number) => void): void {
    const keys = this.#keys;
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot] ?? -1;
      if (key >= 0) visit(key >>> 8, key & 0xff, this.#children[slot] ?? 0);
    }
  }

  /** Id of the piece that ends at a node, or -1. */
  valueAt(node: number): number {
    return (this.#values[node] ?? 0) - 1;
  }
}
