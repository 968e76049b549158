import { blocksOf } from './corpus.ts';
import { createBlocksPass } from './ours-blocks.ts';
import type { CreateOursRunner } from './ours-runner.ts';
import { startClock } from './process-measures.ts';

/** Everything in the calling thread. */
export const createSingleRunner: CreateOursRunner = async (plan, corpus) => {
  const pass = createBlocksPass(plan, corpus.bytes.length);
  const blocks = blocksOf(corpus.bytes, corpus.textOffsets, plan.blockBytes);
  return {
    async pass() {
      const stop = startClock();
      const result = pass(blocks.entries());
      return { measure: stop(), ...result };
    },
    async close() {
      // Nothing is open.
    },
  };
};
