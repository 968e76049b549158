// Less is counted before there is anything to judge by: the first megabytes are slow, while code is compiled.
const MIN_JUDGED_MS = 150;
// What starting a thread takes besides parsing its tokenizer.
const THREAD_START_MS = 250;
// A thread must save some more than it costs; what it has cost is lost when the estimate was wrong.
const MIN_GAIN = 2;

/**
 * Whether more threads are worth their start: each parses the tokenizer for itself and remembers nothing at first, so that
 * a small input would take longer with them.
 */
export interface ThreadStart {
  isWorthIt(): boolean;
}

/** Decides by what one thread has done so far. */
export class MeasuredThreadStart implements ThreadStart {
  readonly #totalBytes: number;
  readonly #processedBytes: () => number;
  readonly #startCostMs: number;
  readonly #now: () => number;
  readonly #startMs: number;

  /**
   * @param processedBytes how many of the input's `totalBytes` are done
   * @param tokenizerMs what parsing the tokenizer took
   * @param now milliseconds of a clock that never goes back
   */
  constructor(
    totalBytes: number,
    processedBytes: () => number,
    tokenizerMs: number,
    now = (): number => performance.now(),
  ) {
    this.#totalBytes = totalBytes;
    this.#processedBytes = processedBytes;
    this.#startCostMs = tokenizerMs + THREAD_START_MS;
    this.#now = now;
    this.#startMs = now();
  }

  isWorthIt(): boolean {
    const elapsedMs = this.#now() - this.#startMs;
    const processedBytes = this.#processedBytes();
    if (elapsedMs < MIN_JUDGED_MS || processedBytes === 0) return false;
    const remainingMs = ((this.#totalBytes - processedBytes) / processedBytes) * elapsedMs;
    return remainingMs > MIN_GAIN * this.#startCostMs;
  }
}
