import type { ChildReport, Measure } from './plan.ts';

/** Megabytes (10^6 bytes of UTF-8) a second, one number a round. */
export interface Rates {
  readonly coldWall: number[];
  /** A second of user and system time. */
  readonly coldCpu: number[];
  readonly warmWall: number[];
}

/** One program with one tokenizer, corpus and number of threads, over all rounds. */
export interface Measurement {
  readonly tokenizer: string;
  readonly corpus: string;
  readonly program: string;
  readonly threadCount: number;
  version: string;
  refusal: string | undefined;
  /** What it was given of the corpus. */
  sizeBytes: number;
  recordCount: number;
  readonly count: Rates;
  readonly encode: Rates;
  /** Most of any round. */
  differingRecordCount: number;
  differingIdCount: number;
}

export const OURS = 'pemmican';

const noRates = (): Rates => ({ coldWall: [], coldCpu: [], warmWall: [] });

export function newMeasurement(
  place: Pick<Measurement, 'tokenizer' | 'corpus' | 'program' | 'threadCount'>,
): Measurement {
  return {
    ...place,
    version: '',
    refusal: undefined,
    sizeBytes: 0,
    recordCount: 0,
    count: noRates(),
    encode: noRates(),
    differingRecordCount: 0,
    differingIdCount: 0,
  };
}

/** Takes up what one process measured. */
export function addReport(measurement: Measurement, report: ChildReport): void {
  if (report.refusal !== undefined) {
    measurement.refusal = report.refusal;
    return;
  }
  measurement.version = report.version;
  measurement.sizeBytes = report.sizeBytes;
  measurement.recordCount = report.recordCount;
  // JSON has no NaN: null is what was not compared.
  measurement.differingRecordCount = Math.max(measurement.differingRecordCount, report.differingRecordCount);
  measurement.differingIdCount = Math.max(measurement.differingIdCount, report.differingIdCount);
  const rate = (milliseconds: number): number => report.sizeBytes / 1e3 / milliseconds;
  for (const task of ['count', 'encode'] as const) {
    const [cold, warm]: (Measure | undefined)[] = report.passes.map((pass) => pass[task]);
    if (cold !== undefined) {
      measurement[task].coldWall.push(rate(cold.wallMs));
      measurement[task].coldCpu.push(rate(cold.cpuMs));
    }
    if (warm !== undefined) measurement[task].warmWall.push(rate(warm.wallMs));
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** Whether a program ran and gave the reference's ids for every record that it was given. */
export function isExact(measurement: Measurement): boolean {
  return (
    measurement.refusal === undefined &&
    measurement.recordCount > 0 &&
    measurement.differingRecordCount === 0 &&
    measurement.differingIdCount === 0
  );
}
