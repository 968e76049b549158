/**
 * Traces: interceptors that carry the context over gRPC, spans of phases, and the context of a job that outlives its call.
 * @module
 */
export { clientTracing, serverTracing } from './interceptors.ts';
export { activeTraceContext, recordSpan, withRemoteContext, withSpan } from './spans.ts';
