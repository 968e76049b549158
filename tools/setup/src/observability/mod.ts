/**
 * Programs of others that show what the services do: Prometheus and the OpenTelemetry Collector.
 * @module
 */
export { ensureCollector, findCollector } from './collector.ts';
export type { FoundProgram } from './program.ts';
export { ensurePrometheus } from './prometheus.ts';
