import type { AnalysisProgress } from '@pemmican/contract/vocabulary';

// Progress is for people: more often costs and shows nothing.
const INTERVAL_MS = 100;

/** What the analysis has counted so far. */
export interface Counts {
  readonly recordCount: number;
  readonly tokenCount: number;
  readonly distinctTokenCount: number;
}

/** Turns counts into progress messages, with throughput and time left, ten times a second at most. */
export class ProgressMeter {
  readonly totalBytes: number;
  readonly #send: (progress: AnalysisProgress) => void;
  readonly #now: () => number;
  readonly #startMs: number;
  readonly #fileBytes: number[] = [];
  #sentMs = -Infinity;
  #counts: () => Counts = () => ({ recordCount: 0, tokenCount: 0, distinctTokenCount: 0 });

  /** @param now milliseconds of a clock that never goes back */
  constructor(totalBytes: number, send: (progress: AnalysisProgress) => void, now = () => performance.now()) {
    this.totalBytes = totalBytes;
    this.#send = send;
    this.#now = now;
    this.#startMs = now();
  }

  /** Bytes of a file that were read so far. */
  setFileBytes(fileIndex: number, bytes: number): void {
    this.#fileBytes[fileIndex] = bytes;
  }

  /** Bytes of all files that were read so far. */
  get processedBytes(): number {
    // Sparse while files are unread; reduce passes over holes.
    return this.#fileBytes.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** @param counts asked for when they are sent */
  report(counts: () => Counts): void {
    this.#counts = counts;
    if (this.#now() - this.#sentMs >= INTERVAL_MS) this.flush();
  }

  /** Sends what is known now. */
  flush(): void {
    this.#sentMs = this.#now();
    const { processedBytes } = this;
    const elapsedSeconds = Math.max(0.001, (this.#sentMs - this.#startMs) / 1000);
    const throughputBytesPerSecond = processedBytes / elapsedSeconds;
    const remainingSeconds = (this.totalBytes - processedBytes) / Math.max(1, throughputBytesPerSecond);
    const seconds = Math.floor(remainingSeconds);
    this.#send({
      ...this.#counts(),
      processedBytes,
      totalBytes: this.totalBytes,
      throughputBytesPerSecond,
      remaining: { seconds, nanos: Math.floor((remainingSeconds - seconds) * 1e9) },
    });
  }
}
