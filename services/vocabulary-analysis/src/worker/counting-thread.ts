/**
 * A thread that counts portions beside the one that reads the files.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { SplitTally } from '@pemmican/vocabulary';
import type { PlainError } from './plain-error.ts';
import { toPlainError } from './plain-error.ts';
import {
  PortionCounter,
  type CounterOptions,
  type Portion,
  type PortionCount,
  type PortionFile,
} from './portion-counter.ts';
import { SeenTokens } from './seen-tokens.ts';
import { parseTokenizer, type TokenizerFile } from './tokenizer-file.ts';

/** What a counting thread is started with. */
export interface CountingThreadSetup extends CounterOptions {
  readonly tokenizerFile: TokenizerFile;
  /** By token id, 1 where any thread has seen it. */
  readonly seen: SharedArrayBuffer;
}

/** What a counting thread is told. */
export type CountingOrder =
  | { readonly type: 'begin'; readonly file: PortionFile }
  | { readonly type: 'count'; readonly index: number; readonly portion: Portion }
  | { readonly type: 'take' };

/** What it answers: `ready` once, then one answer to each `count` and `take`. */
export type CountingAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'counted'; readonly index: number; readonly count: PortionCount }
  | { readonly type: 'failed'; readonly index: number; readonly portion: Portion; readonly error: PlainError }
  | { readonly type: 'tally'; readonly tally: SplitTally };

const setup = workerData as CountingThreadSetup;
const counter = new PortionCounter(parseTokenizer(setup.tokenizerFile), setup);
const seen = new SeenTokens(setup.seen);
const answer = (message: CountingAnswer): void => parentPort?.postMessage(message);

parentPort?.on('message', (order: CountingOrder) => {
  if (order.type === 'begin') counter.begin(order.file);
  else if (order.type === 'take') {
    seen.mark(counter);
    answer({ type: 'tally', tally: counter.take() });
  } else {
    const { index, portion } = order;
    try {
      const count = counter.count(portion);
      seen.markSometimes(counter);
      answer({ type: 'counted', index, count });
    } catch (error) {
      answer({ type: 'failed', index, portion, error: toPlainError(error) });
    }
  }
});
answer({ type: 'ready' });
