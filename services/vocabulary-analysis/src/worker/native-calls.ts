import { setTimeout as delay } from 'node:timers/promises';
import { adviseHugePages } from '@pemmican/device-memory/huge-pages';
import type { MemoryAdvice } from '@pemmican/tokenizer';

// Set in the number of calls under way.
const ENDING = 1 << 30;

// Loading a library takes some hundredths of a second; a thread that died within a call never leaves it.
const MAX_WAIT_MS = 10_000;

/**
 * Calls of native add-ons in threads that may be ended at any time. An add-on takes it for fatal when JavaScript goes away
 * under it, and ends the whole process: whoever ends a thread waits for such a call, and lets no other begin.
 */
export class NativeCalls {
  /** The state that the threads share, to be handed to them. */
  readonly shared: SharedArrayBuffer;
  readonly #state: Int32Array<SharedArrayBuffer>;

  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#state = new Int32Array(shared);
  }

  /** What the call returns; undefined, and not called, when threads are being ended. */
  run<Value>(call: () => Value): Value | undefined {
    try {
      return (Atomics.add(this.#state, 0, 1) & ENDING) === 0 ? call() : undefined;
    } finally {
      Atomics.sub(this.#state, 0, 1);
    }
  }

  /** Lets no call begin from now on, and waits for those that have: the threads may be ended after it. */
  async end(): Promise<void> {
    Atomics.or(this.#state, 0, ENDING);
    const endMs = performance.now() + MAX_WAIT_MS;
    while (Atomics.load(this.#state, 0) !== ENDING && performance.now() < endMs) await delay(1);
  }
}

/** Advice about a thread's memory; none when threads are being ended. */
export function memoryAdvice(nativeCalls: SharedArrayBuffer): MemoryAdvice {
  const calls = new NativeCalls(nativeCalls);
  return (bytes) => calls.run(() => adviseHugePages(bytes));
}
