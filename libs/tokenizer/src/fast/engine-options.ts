import type { MemoryAdvice } from './engine/engine-memory.ts';
import type { EngineOptions } from './engine/engine.ts';
import { DEFAULT_MEMO_BYTES } from './limits.ts';

/** What an engine is made with, where it is not said as by default. */
export function engineOptions(given: {
  readonly memoBytes?: number;
  readonly adviseMemory?: MemoryAdvice;
}): EngineOptions {
  return { memoBytes: given.memoBytes ?? DEFAULT_MEMO_BYTES, adviseMemory: given.adviseMemory };
}
