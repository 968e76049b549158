import type { PortionCounter } from './portion-counter.ts';

// Going through a vocabulary takes some tenths of a millisecond.
const INTERVAL_MS = 100;

/** Which token ids were seen by any thread of an analysis; for what may lag behind: the progress, and ending early. */
export class SeenTokens {
  readonly #isSeen: Uint8Array;
  #markedMs = -Infinity;

  constructor(shared: SharedArrayBuffer) {
    this.#isSeen = new Uint8Array(shared);
  }

  mark(counter: PortionCounter): void {
    // Threads write nothing but ones, so that no write of another is lost.
    counter.markSeen(this.#isSeen);
    this.#markedMs = performance.now();
  }

  markSometimes(counter: PortionCounter): void {
    if (performance.now() - this.#markedMs >= INTERVAL_MS) this.mark(counter);
  }

  /** Whether an id of at least this one was seen. */
  hasFrom(fullTokenId: number): boolean {
    return this.#isSeen.subarray(fullTokenId).includes(1);
  }

  /** Distinct ids. */
  get count(): number {
    return this.#isSeen.reduce((sum, isSeen) => sum + isSeen, 0);
  }
}
