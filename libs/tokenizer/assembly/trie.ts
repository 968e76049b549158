/** Tokens by their bytes: an open-addressing table from (node, byte) to node. */
class Trie {
  /** Slots of 8 bytes: `node << 8 | byte`, child; a child of 0 where free. */
  static slots: usize = 0;
  static mask: u32 = 0;
  /** By node, token id + 1, or 0 where no token ends. */
  static values: usize = 0;
  static nodeCount: u32 = 1;
}

/** What `child` answers where no token goes on. The root is nobody's child. */
export const NO_NODE: u32 = 0;

function slotOf(key: u32): usize {
  const hash = key * 0x9e3779b1;
  let index = hash ^ (hash >> 15);
  while (true) {
    const slot = Trie.slots + ((<usize>(index & Trie.mask)) << 3);
    if (load<u32>(slot, 4) == NO_NODE || load<u32>(slot) == key) return slot;
    index++;
  }
}

export function child(node: u32, byte: u32): u32 {
  return load<u32>(slotOf((node << 8) | byte), 4);
}

/** Id of the token that ends at a node, + 1; 0 where there is none. */
export function tokenAt(node: u32): u32 {
  return load<u32>(Trie.values + ((<usize>node) << 2));
}

/** Adds a token; of equal ones the last counts. */
export function addToken(start: usize, end: usize, id: u32): void {
  let node: u32 = 0;
  for (let at = start; at < end; at++) {
    const key = (node << 8) | load<u8>(at);
    const slot = slotOf(key);
    node = load<u32>(slot, 4);
    if (node != NO_NODE) continue;
    node = Trie.nodeCount++;
    store<u32>(slot, key);
    store<u32>(slot, node, 4);
  }
  store<u32>(Trie.values + ((<usize>node) << 2), id + 1);
}

/** The node that all bytes lead to from the root. */
export function nodeOf(start: usize, end: usize): u32 {
  let node: u32 = 0;
  for (let at = start; at < end; at++) {
    node = child(node, load<u8>(at));
    if (node == NO_NODE) return NO_NODE;
  }
  return node;
}

export function setTrie(slots: usize, slotCount: u32, values: usize): void {
  Trie.slots = slots;
  Trie.mask = slotCount - 1;
  Trie.values = values;
}
