import type { AddedToken } from '../../added-tokens.ts';
import type { Engine } from './engine.ts';

const MAX_FIRST_BYTES = 4;

/** Tells the engine where added tokens may begin, by their first two bytes. */
export function installAddedTokens(engine: Engine, tokens: readonly AddedToken[]): void {
  const encoder = new TextEncoder();
  const pairs = new Uint8Array(65_536);
  const firstBytes = new Set<number>();
  for (const { content } of tokens) {
    const [first, second] = encoder.encode(content);
    if (first === undefined) continue;
    firstBytes.add(first);
    if (second === undefined) pairs.fill(1, first << 8, (first + 1) << 8);
    else pairs[(first << 8) | second] = 1;
  }
  if (firstBytes.size === 0) return;
  const few = [...firstBytes];
  let packed = 0;
  if (few.length <= MAX_FIRST_BYTES)
    for (let index = 0; index < MAX_FIRST_BYTES; index++)
      packed |= (few[Math.min(index, few.length - 1)] ?? 0) << (8 * index);
  engine.exports.setAdded(engine.memory.place(pairs), packed);
}
