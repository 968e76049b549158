import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { adviseHugePages } from '@pemmican/device-memory';
import { FastCounter, FastEncoder, Tokenizer, type FastCounterOptions } from '@pemmican/tokenizer';
import { IdStore, type BlockResult } from './block-results.ts';
import type { Block } from './corpus.ts';
import type { ChildPlan } from './plan.ts';

export interface BlocksPass {
  readonly counts: Float64Array | undefined;
  readonly blocks: readonly BlockResult[];
}

/** Loads the tokenizer and returns what counts or encodes blocks in this thread; it remembers chunks from call to call. */
export function createBlocksPass(
  plan: ChildPlan,
  sizeBytes: number,
): (blocks: Iterable<[index: number, block: Block]>) => BlocksPass {
  const tokenizer = Tokenizer.fromJson(readFileSync(plan.tokenizerFile), { fileName: plan.tokenizerFile });
  const options: FastCounterOptions = {
    addSpecialTokens: false,
    isUtf8,
    adviseMemory: adviseHugePages,
    ...(plan.memoBytes === undefined ? {} : { memoBytes: plan.memoBytes }),
  };
  if (plan.task === 'count') {
    const counter = new FastCounter(tokenizer, options);
    return (blocks) => {
      const results: BlockResult[] = [];
      for (const [index, block] of blocks) results.push({ index, recordLengths: counter.add(block).recordLengths });
      return { counts: counter.takeCounts(), blocks: results };
    };
  }
  const encoder = new FastEncoder(tokenizer, options);
  // GPT-2 takes more than half a token for each byte of foreign text.
  const store = new IdStore(sizeBytes);
  return (blocks) => {
    store.length = 0;
    const results: BlockResult[] = [];
    for (const [index, block] of blocks) {
      const { ids, recordOffsets } = encoder.encode(block);
      results.push({ index, ids: store.add(ids), recordOffsets });
    }
    return { counts: undefined, blocks: results };
  };
}
