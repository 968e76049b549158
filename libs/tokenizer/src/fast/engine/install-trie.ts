import { TokenizerError } from '../../error.ts';
import { MAX_TOKEN_LENGTH } from '../../limits.ts';
import type { Engine } from './engine.ts';

// A node and a byte make a key of 32 bits.
const MAX_TRIE_BYTES = 2 ** 24;

/**
 * Puts tokens into the engine's trie.
 * @throws TokenizerError TOO_LARGE
 */
export function installTrie(engine: Engine, tokens: Iterable<readonly [bytes: Uint8Array, id: number]>): void {
  const list = [...tokens];
  const byteCount = list.reduce((sum, [bytes]) => sum + bytes.length, 0);
  if (byteCount >= MAX_TRIE_BYTES)
    throw new TokenizerError('TOO_LARGE', `The tokens have ${byteCount} bytes, the limit is ${MAX_TRIE_BYTES}`);
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(64, byteCount * 1.6)));
  const { memory, exports } = engine;
  exports.setTrie(memory.allocate(slotCount * 8), slotCount, memory.allocate((byteCount + 1) * 4));
  // A character has up to 4 bytes.
  const place = memory.allocate(MAX_TOKEN_LENGTH * 4);
  const { bytes: target } = memory;
  for (const [bytes, id] of list) {
    target.set(bytes, place);
    exports.addToken(place, place + bytes.length, id);
  }
}
