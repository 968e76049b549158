/** Runs jobs in the order in which they were added, a limited number at a time. */
export class JobQueue {
  readonly #concurrency: number;
  readonly #waiting: { readonly name: string; readonly start: () => Promise<void> }[] = [];
  readonly #running = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** Number of jobs that wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Adds a job. `start` MUST NOT reject. */
  add(name: string, start: () => Promise<void>): void {
    this.#waiting.push({ name, start });
    this.#next();
  }

  /** Takes a waiting job out again; false when it is not waiting. */
  remove(name: string): boolean {
    const index = this.#waiting.findIndex((entry) => entry.name === name);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    return true;
  }

  /** Starts nothing more and resolves when every running job has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.length = 0;
    await Promise.all(this.#running.values());
  }

  #next(): void {
    while (!this.#isClosed && this.#running.size < this.#concurrency) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      const ended = entry.start().finally(() => {
        this.#running.delete(entry.name);
        this.#next();
      });
      this.#running.set(entry.name, ended);
    }
  }
}
