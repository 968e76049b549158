/** Points of a series over a whole plot. */
const MAX_POINT_COUNT = 240;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** What is asked for: both ends in seconds since 1970, and the time between two points. */
export interface TimeRange {
  readonly start: number;
  readonly end: number;
  readonly stepSeconds: number;
  /** What rates are taken over, as Grafana's `$__rate_interval`. */
  readonly rateIntervalSeconds: number;
}

/** Seconds of a duration as Prometheus and Grafana write it, `15m`; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? 0);
  return seconds > 0 ? seconds : undefined;
}

/**
 * The last seconds until now. Points lie on whole steps, so that a page that is drawn again has the same ones.
 * @param scrapeSeconds how often Prometheus looks: nothing lies between
 */
export function timeRange(durationSeconds: number, scrapeSeconds: number, nowSeconds: number): TimeRange {
  const stepSeconds = Math.max(scrapeSeconds, Math.ceil(durationSeconds / MAX_POINT_COUNT));
  const end = Math.floor(nowSeconds / stepSeconds) * stepSeconds;
  return {
    start: end - Math.floor(durationSeconds / stepSeconds) * stepSeconds,
    end,
    stepSeconds,
    rateIntervalSeconds: Math.max(stepSeconds + scrapeSeconds, 4 * scrapeSeconds),
  };
}
