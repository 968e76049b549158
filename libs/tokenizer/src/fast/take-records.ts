import { RECORDS_PER_CALL } from './limits.ts';

/**
 * Lets the engine take records, some at a time, and the host those that it stops at: they may have an added token.
 * @param inEngine takes records from `first` on; the record that it stopped at, or `end`
 */
export function takeRecords(
  count: number,
  inEngine: (first: number, end: number) => number,
  inHost: (record: number) => void,
): void {
  for (let record = 0; record < count;) {
    const end = Math.min(count, record + RECORDS_PER_CALL);
    record = inEngine(record, end);
    if (record < end) inHost(record++);
  }
}
