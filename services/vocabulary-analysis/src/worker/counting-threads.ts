import { Worker } from 'node:worker_threads';
import type { RecordBlock } from '@pemmican/tokenizer';
import type { SplitTally } from '@pemmican/vocabulary';
import type { CountingAnswer, CountingOrder, CountingThreadSetup } from './counting-thread.ts';
import { NativeCalls } from './native-calls.ts';
import { fromPlainError } from './plain-error.ts';
import type { Portion, PortionCount, PortionFile } from './portion-counter.ts';

const THREAD_FILE = new URL('./counting-thread.ts', import.meta.url);

// Portions that a thread holds: one that it counts, and one so that it need not wait for the next. With their size they
// bound the memory that reading takes.
const MAX_PORTIONS_PER_THREAD = 2;

/** Told of each portion. */
export interface PortionListener {
  onCounted(index: number, count: PortionCount): void;
  onFailed(index: number, portion: Portion, error: Error): void;
}

/** Threads that count portions of files, in whatever order: sums do not depend on it. */
export class CountingThreads {
  readonly #threads: CountingThread[];
  readonly #nativeCalls: NativeCalls;

  /** @param threadFile the thread's module; tests give others */
  constructor(threadCount: number, setup: CountingThreadSetup, listener: PortionListener, threadFile = THREAD_FILE) {
    this.#nativeCalls = new NativeCalls(setup.nativeCalls);
    this.#threads = Array.from(
      { length: threadCount },
      (_, index) =>
        new CountingThread(
          new Worker(threadFile, { workerData: setup, execArgv: [], name: `count ${index}` }),
          listener,
        ),
    );
  }

  /** Turns to the next file; the one before must be taken. */
  begin(file: PortionFile): void {
    for (const thread of this.#threads) thread.begin(file);
  }

  /** Hands a portion to the thread that has the fewest; false when all have enough. */
  offer(index: number, portion: Portion): boolean {
    const room = this.#threads.filter(({ isReady, heldCount }) => isReady && heldCount < MAX_PORTIONS_PER_THREAD);
    const [first] = room.sort((a, b) => a.heldCount - b.heldCount);
    first?.count(index, portion);
    return first !== undefined;
  }

  /**
   * Waits until every portion is counted or has failed.
   * @throws Error of a thread that died
   */
  async settle(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.settle()));
  }

  /** @throws Error of a thread that died */
  throwIfDead(): void {
    for (const thread of this.#threads) thread.throwIfDead();
  }

  /** What was counted since the last call. */
  async take(): Promise<SplitTally[]> {
    const tallies = await Promise.all(this.#threads.map((thread) => thread.take()));
    return tallies.filter((tally) => tally !== undefined);
  }

  /** Ends the threads; no thread that shares their native calls makes one after it. */
  async close(): Promise<void> {
    await this.#nativeCalls.end();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

class CountingThread {
  isReady = false;
  heldCount = 0;
  readonly #worker: Worker;
  readonly #listener: PortionListener;
  #hasCounted = false;
  #death: Error | undefined;
  #wake: () => void = () => undefined;
  #onTally: ((tally: SplitTally) => void) | undefined;

  constructor(worker: Worker, listener: PortionListener) {
    this.#worker = worker;
    this.#listener = listener;
    worker.on('message', (answer: CountingAnswer) => {
      this.#receive(answer);
    });
    worker.on('error', (error: Error) => {
      this.#die(error);
    });
    worker.on('exit', (code) => {
      this.#die(new Error(`A counting thread ended with ${code} in the middle of its work`));
    });
  }

  begin(file: PortionFile): void {
    this.#order({ type: 'begin', file });
  }

  count(index: number, portion: Portion): void {
    this.heldCount++;
    this.#hasCounted = true;
    const own = ownPortion(portion);
    const bytes = 'piece' in own ? own.piece.bytes : own.block.bytes;
    this.#order({ type: 'count', index, portion: own }, [bytes.buffer as ArrayBuffer]);
  }

  async settle(): Promise<void> {
    while (this.heldCount > 0) {
      this.throwIfDead();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async take(): Promise<SplitTally | undefined> {
    if (!this.#hasCounted) return undefined;
    this.#hasCounted = false;
    let tally: SplitTally | undefined;
    this.#onTally = (taken) => (tally = taken);
    this.#order({ type: 'take' });
    while (tally === undefined) {
      this.throwIfDead();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return tally;
  }

  throwIfDead(): void {
    if (this.#death !== undefined) throw this.#death;
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners();
    // An error that comes while it ends has nobody left to tell.
    this.#worker.on('error', () => undefined);
    await this.#worker.terminate();
  }

  #order(order: CountingOrder, transferred: ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, transferred);
  }

  #receive(answer: CountingAnswer): void {
    if (answer.type === 'ready') this.isReady = true;
    else if (answer.type === 'tally') this.#onTally?.(answer.tally);
    else {
      this.heldCount--;
      if (answer.type === 'counted') this.#listener.onCounted(answer.index, answer.count);
      else this.#listener.onFailed(answer.index, answer.portion, fromPlainError(answer.error));
    }
    this.#wake();
  }

  #die(error: Error): void {
    this.#death ??= error;
    this.isReady = false;
    this.#wake();
  }
}

/** The portion in memory of its own, which can be handed over: a view of a larger buffer would be sent with all of it. */
function ownPortion(portion: Portion): Portion {
  if ('piece' in portion) {
    const { bytes } = portion.piece;
    return bytes.byteLength === bytes.buffer.byteLength
      ? portion
      : { piece: { ...portion.piece, bytes: bytes.slice() } };
  }
  const { block, targets } = portion;
  return { ...portion, block: ownBlock(block), ...(targets === undefined ? {} : { targets: ownBlock(targets) }) };
}

function ownBlock({ bytes, textOffsets, hasPair, wordCounts }: RecordBlock): RecordBlock {
  return {
    bytes: bytes.slice(),
    textOffsets: textOffsets.slice(),
    ...(hasPair === undefined ? {} : { hasPair: hasPair.slice() }),
    ...(wordCounts === undefined ? {} : { wordCounts: wordCounts.slice() }),
  };
}
