import { formatBytes, formatDuration, formatLearningRate, formatPercent } from '@pemmican/cli/units';

const significant = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3, notation: 'compact' });

/** Grafana's units that the dashboards use, by their ids. */
export const UNIT_FORMATS: Readonly<Record<string, (value: number) => string>> = {
  none: (value) => significant.format(value),
  short: (value) => compact.format(value),
  percentunit: (value) => formatPercent(value, 0),
  decbytes: formatBytes,
  s: (value) => formatDuration(value * 1000),
  sci: formatLearningRate,
  reqps: (value) => `${compact.format(value)} req/s`,
};

/** A value in a unit of Grafana's; a plain number where the unit is another one. */
export function formatValue(unit: string, value: number): string {
  return (UNIT_FORMATS[unit] ?? String)(value);
}
