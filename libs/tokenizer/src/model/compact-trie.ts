import { ByteTrie } from './byte-trie.ts';

/** The engine looks at 16 labels at a time. */
const LABEL_PADDING = 16;

/**
 * A trie with its nodes numbered level by level, so that the children of a node are next to each other, those of the next
 * node come after them, and what most words begin with lies close together.
 */
export interface CompactTrie {
  /** By node two numbers: its first child (the next node's first child is the end), and id + 1 of the piece or 0. */
  readonly nodes: Uint32Array;
  /** By node the byte that leads to it. */
  readonly labels: Uint8Array;
}

export function compactTrie(trie: ByteTrie): CompactTrie {
  const { nodeCount } = trie;
  // Edges sorted by the node that they leave.
  const edgeStarts = new Uint32Array(nodeCount + 1);
  trie.forEachEdge((node) => {
    edgeStarts[node + 1] = (edgeStarts[node + 1] ?? 0) + 1;
  });
  for (let node = 0; node < nodeCount; node++)
    edgeStarts[node + 1] = (edgeStarts[node + 1] ?? 0) + (edgeStarts[node] ?? 0);
  const filled = edgeStarts.slice();
  const edgeChildren = new Uint32Array(nodeCount);
  const edgeLabels = new Uint8Array(nodeCount);
  trie.forEachEdge((node, byte, child) => {
    const at = filled[node] ?? 0;
    edgeChildren[at] = child;
    edgeLabels[at] = byte;
    filled[node] = at + 1;
  });
  const nodes = new Uint32Array(2 * (nodeCount + 1));
  const labels = new Uint8Array(nodeCount + LABEL_PADDING);
  const oldNodes = new Uint32Array(nodeCount);
  let count = 1;
  for (let node = 0; node < nodeCount; node++) {
    const oldNode = oldNodes[node] ?? 0;
    nodes[2 * node] = count;
    nodes[2 * node + 1] = trie.valueAt(oldNode) + 1;
    for (let edge = edgeStarts[oldNode] ?? 0; edge < (edgeStarts[oldNode + 1] ?? 0); edge++) {
      oldNodes[count] = edgeChildren[edge] ?? 0;
      labels[count++] = edgeLabels[edge] ?? 0;
    }
  }
  nodes[2 * nodeCount] = count;
  return { nodes, labels };
}

/** A compact trie of pieces in UTF-8; of equal ones the last counts. */
export function compactTrieOf(pieces: Iterable<readonly [bytes: Uint8Array, id: number]>): CompactTrie {
  const list = [...pieces];
  const trie = new ByteTrie(list.reduce((sum, [bytes]) => sum + bytes.length, 0));
  for (const [bytes, id] of list) trie.insert(bytes, id);
  return compactTrie(trie);
}
