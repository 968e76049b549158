import type { TimeRange } from './time-range.ts';

/** One line of a plot: a value for each step of the range, null where there is none. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | null)[];
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [seconds: number, value: string])[];
    }[];
  };
}

/**
 * Asks Prometheus for an expression's values over a range.
 * @throws Error with what Prometheus said
 */
export async function queryRange(prometheusUrl: string, expression: string, range: TimeRange): Promise<Series[]> {
  const { start, end, stepSeconds } = range;
  const question = new URLSearchParams({
    query: expression,
    start: String(start),
    end: String(end),
    step: String(stepSeconds),
  });
  const response = await fetch(`${prometheusUrl}/api/v1/query_range?${question.toString()}`);
  const answer = (await response.json()) as Answer;
  if (answer.status !== 'success' || answer.data === undefined)
    throw new Error(`Prometheus: ${answer.error ?? `status ${response.status}`}`);
  const count = Math.round((end - start) / stepSeconds) + 1;
  return answer.data.result.map(({ metric, values }) => {
    const points = new Array<number | null>(count).fill(null);
    for (const [seconds, text] of values) {
      const value = Number(text);
      // A quantile of nothing is NaN.
      if (Number.isFinite(value)) points[Math.round((seconds - start) / stepSeconds)] = value;
    }
    return { labels: metric, values: points };
  });
}
