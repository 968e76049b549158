import type { StoredEvent } from './run-store.ts';

/**
 * The newest events of a resource that is watched, and who waits for the next. A thousand watchers of one run would otherwise read
 * each event from the database a thousand times, on the cores that the run trains on.
 */
export class RecentEvents {
  readonly #maxCount: number;
  #events: StoredEvent[] = [];
  #lastSequence: number;
  #isFinal: boolean;
  #waiting = new Set<() => void>();
  /** Watches that are open. */
  watcherCount = 0;

  /**
   * @param state of the resource now
   * @param maxCount events that are kept
   */
  constructor(state: { lastSequence: number; isFinal: boolean }, maxCount: number) {
    this.#lastSequence = state.lastSequence;
    this.#isFinal = state.isFinal;
    this.#maxCount = maxCount;
  }

  /** Whether there comes no other event. */
  get isFinal(): boolean {
    return this.#isFinal;
  }

  /** The events after a sequence; undefined where some are not here any more. The same objects for everyone. */
  after(sequence: number): readonly StoredEvent[] | undefined {
    const missingCount = this.#lastSequence - sequence;
    return missingCount > this.#events.length ? undefined : this.#events.slice(this.#events.length - missingCount);
  }

  /** Takes the event that was just stored, then wakes who waits. */
  push(event: StoredEvent, isFinal: boolean): void {
    this.#events.push(event);
    if (this.#events.length > this.#maxCount) this.#events.shift();
    this.#lastSequence = event.sequence;
    this.#isFinal = isFinal;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Calls back once, at the next event. */
  onNext(wake: () => void): void {
    this.#waiting.add(wake);
  }

  /** Takes a call back back. */
  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
