/**
 * Traces and metrics: interceptors that carry the context over gRPC and measure calls, spans of phases, and the context of a job
 * that outlives its call.
 * @module
 */
export { clientTracing, serverTracing } from './interceptors.ts';
export { serverMetrics } from './server-metrics.ts';
export { activeTraceContext, recordSpan, withRemoteContext, withSpan } from './spans.ts';
