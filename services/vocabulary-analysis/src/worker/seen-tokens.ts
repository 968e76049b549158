import type { PortionCounter } from './portion-counter.ts';

// Going through a vocabulary takes some tenths of a millisecond.
const INTERVAL_MS = 100;

/** Which token ids were seen by any thread of an analysis; for the progress only, which may lag behind. */
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

  /** Distinct ids. */
  get count(): number {
    return this.#isSeen.reduce((sum, isSeen) => sum + isSeen, 0);
  }
}
