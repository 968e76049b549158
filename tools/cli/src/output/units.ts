const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Bytes with three significant digits in decimal units: `2.36 GB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  let value = Math.abs(bytes);
  let unit = 0;
  // 999.5 would round to "1000" with three digits, so it belongs to the next unit.
  while (value >= 999.5 && unit < DECIMAL_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${bytes < 0 ? '-' : ''}${value.toFixed(digits)} ${DECIMAL_UNITS[unit] ?? 'B'}`;
}

const integerFormat = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A count with thousands separators: `250,037`. */
export function formatCount(count: number): string {
  return integerFormat.format(count);
}

/** A share from 0 to 1 as a percentage: `1.2 %`. */
export function formatPercent(share: number, fractionDigits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(fractionDigits)} %` : '–';
}

/** A duration: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function formatDuration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return '–';
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const wholeSeconds = Math.round(seconds);
  if (wholeSeconds < 3600) return `${Math.floor(wholeSeconds / 60)} min ${pad(wholeSeconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** A loss or a metric: four decimals, or exponents where those would show nothing. */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(2) : value.toFixed(4);
}

/** A learning rate: `4.25e-5`. */
export function formatLearningRate(value: number): string {
  return value === 0 ? '0' : value.toExponential(2);
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
