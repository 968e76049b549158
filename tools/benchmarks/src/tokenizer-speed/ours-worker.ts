/**
 * A worker of the two-thread measurement: takes blocks until none is left, each time it is told to go.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import { blocksOf, type Block } from './corpus.ts';
import { createBlocksPass } from './ours-blocks.ts';
import type { WorkerStart } from './ours-workers.ts';

const { plan, bytes, textOffsets, nextBlock } = workerData as WorkerStart;
const pass = createBlocksPass(plan, bytes.length);
const blocks = blocksOf(bytes, textOffsets, plan.blockBytes);

function* takeBlocks(): Generator<[index: number, block: Block]> {
  for (;;) {
    const index = Atomics.add(nextBlock, 0, 1);
    const block = blocks[index];
    if (block === undefined) return;
    // Neither a decoder nor the check of UTF-8 takes shared memory.
    yield [index, { ...block, bytes: block.bytes.slice() }];
  }
}

parentPort?.on('message', () => parentPort?.postMessage(pass(takeBlocks())));
parentPort?.postMessage('ready');
