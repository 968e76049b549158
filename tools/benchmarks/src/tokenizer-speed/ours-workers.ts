import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BlocksPass } from './ours-blocks.ts';
import type { CreateOursRunner } from './ours-runner.ts';
import type { ChildPlan } from './plan.ts';
import { startClock } from './process-measures.ts';

/** What a worker is started with; the arrays are shared. */
export interface WorkerStart {
  readonly plan: ChildPlan;
  readonly bytes: Uint8Array;
  readonly textOffsets: Uint32Array;
  /** One int: the next block that nobody has taken. */
  readonly nextBlock: Int32Array;
}

function share<Kind extends Uint8Array | Uint32Array>(array: Kind, make: (buffer: SharedArrayBuffer) => Kind): Kind {
  const copy = make(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
}

function addCounts(results: readonly BlocksPass[]): Float64Array | undefined {
  const [sum, ...others] = results.map((result) => result.counts);
  for (const other of others)
    if (sum !== undefined && other !== undefined)
      for (let id = 0; id < sum.length; id++) sum[id] = (sum[id] ?? 0) + (other[id] ?? 0);
  return sum;
}

/**
 * As many workers as threads, each with a tokenizer and a memo of its own, over blocks of the corpus that they take one by
 * one. The main thread waits and then adds up.
 */
export const createWorkerRunner: CreateOursRunner = async (plan, corpus) => {
  const nextBlock = new Int32Array(new SharedArrayBuffer(4));
  const workerData: WorkerStart = {
    plan,
    bytes: share(corpus.bytes, (buffer) => new Uint8Array(buffer)),
    textOffsets: share(corpus.textOffsets, (buffer) => new Uint32Array(buffer)),
    nextBlock,
  };
  const workers = Array.from(
    { length: plan.threadCount },
    () => new Worker(new URL('ours-worker.ts', import.meta.url), { workerData }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return {
    async pass() {
      nextBlock[0] = 0;
      const stop = startClock();
      const answers = workers.map((worker) => {
        const answer = once(worker, 'message') as Promise<[BlocksPass]>;
        worker.postMessage('go');
        return answer;
      });
      const results = (await Promise.all(answers)).map(([result]) => result);
      const counts = addCounts(results);
      return { measure: stop(), counts, blocks: results.flatMap((result) => result.blocks) };
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
};
