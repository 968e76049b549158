import { setWord, word } from './words';

/** Tokens by their bytes: `compact-trie.ts`. */
class Trie {
  /** By node two words: its first child, and id + 1 of the token that ends there or 0. */
  static nodes: usize = 0;
  /** By node the byte that leads to it. */
  static labels: usize = 0;
  /** By byte the root's child: the root has the most of all. */
  static roots: usize = 0;
}

/** What `child` answers where no token goes on. The root is nobody's child. */
export const NO_NODE: u32 = 0;

export function child(node: u32, byte: u32): u32 {
  if (node == 0) return word(Trie.roots, byte);
  return childOf(node, byte);
}

function childOf(node: u32, byte: u32): u32 {
  const at = Trie.nodes + ((<usize>node) << 3);
  let first = load<u32>(at);
  const end = load<u32>(at, 8);
  const wanted = i8x16.splat(<i8>byte);
  for (; first < end; first += 16) {
    const bits = <u32>i8x16.bitmask(i8x16.eq(v128.load(Trie.labels + first), wanted));
    if (bits == 0) continue;
    const found = first + <u32>ctz(bits);
    // It may be the label of another node's child.
    if (found < end) return found;
  }
  return NO_NODE;
}

/** Id of the token that ends at a node, + 1; 0 where there is none. */
export function tokenAt(node: u32): u32 {
  return load<u32>(Trie.nodes + ((<usize>node) << 3), 4);
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

export function setTrie(nodes: usize, labels: usize, roots: usize): void {
  Trie.nodes = nodes;
  Trie.labels = labels;
  Trie.roots = roots;
  for (let byte: u32 = 0; byte < 256; byte++) setWord(roots, byte, childOf(0, byte));
}
