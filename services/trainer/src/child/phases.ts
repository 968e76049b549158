import { readFileSync, writeFileSync } from 'node:fs';
import type { EventSink } from './event-sink.ts';
import { withSpan } from '@pemmican/telemetry';

/** Parts of a run, as the events and the report name them. */
export type PhaseName = 'load' | 'tokenize' | 'build-graph' | 'train' | 'export';

/** Peak resident bytes of this process since the last reset (VmHWM, in kB in the file). */
export function peakResidentBytes(): number {
  return statusBytes('VmHWM');
}

/** Resident bytes of this process now. */
export function residentBytes(): number {
  return statusBytes('VmRSS');
}

function statusBytes(field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Runs parts of a run one after another, each with a span and a memory peak of its own. */
export class Phases {
  readonly #sink: EventSink;
  #current: PhaseName | undefined;
  #overallPeakBytes = 0;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  /** Largest resident bytes of the process so far. */
  get peakBytes(): number {
    return Math.max(this.#overallPeakBytes, peakResidentBytes());
  }

  async run<Value>(name: PhaseName, work: () => Promise<Value>): Promise<Value> {
    const previousPeakBytes = this.#current === undefined ? 0 : peakResidentBytes();
    this.#overallPeakBytes = this.peakBytes;
    await this.#sink.emit({
      $case: 'phase',
      value: { phase: name, previousPhase: this.#current ?? '', previousPhasePeakBytes: previousPeakBytes },
    });
    this.#current = name;
    // 5 resets VmHWM to the present size (proc(5), /proc/PID/clear_refs).
    writeFileSync('/proc/self/clear_refs', '5');
    return withSpan(`run ${name}`, {}, work);
  }
}
