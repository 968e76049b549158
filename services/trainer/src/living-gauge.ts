import type { Attributes, ObservableGauge } from '@opentelemetry/api';

/** Tells a value of a series. */
export type Observe = (value: number, attributes: Attributes) => void;

/**
 * Observes a gauge whose series end. OpenTelemetry's SDK goes on telling the last value of a series that is no longer observed, for as
 * long as the process lives: memory of a run that is over, say. NaN ends it: Prometheus and Grafana show nothing, and no comparison
 * with it is true.
 * @param read observes what there is now; bounded in its attributes, as all that it ever observed are kept
 */
export function observeLiving(gauge: ObservableGauge, read: (observe: Observe) => void): void {
  const known = new Map<string, Attributes>();
  gauge.addCallback((result) => {
    const living = new Set<string>();
    read((value, attributes) => {
      const key = JSON.stringify(attributes);
      living.add(key);
      known.set(key, attributes);
      result.observe(value, attributes);
    });
    for (const [key, attributes] of known) if (!living.has(key)) result.observe(Number.NaN, attributes);
  });
}
