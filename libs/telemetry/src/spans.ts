import { SpanStatusCode, context, propagation, trace, type Attributes } from '@opentelemetry/api';

const TRACER_NAME = '@pemmican/telemetry';

/** Runs `work` in a span of its own; an error that it throws is the span's. */
export async function withSpan<Value>(
  name: string,
  attributes: Attributes,
  work: () => Promise<Value> | Value,
): Promise<Value> {
  return trace.getTracer(TRACER_NAME).startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The active trace context as W3C headers, to be stored or sent to another process. */
export function activeTraceContext(): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}

/** Runs `work` in the context that {@link activeTraceContext} gave in another process. */
export function withRemoteContext<Value>(carrier: Readonly<Record<string, string>>, work: () => Value): Value {
  return context.with(propagation.extract(context.active(), carrier), work);
}

/** A span over something that already happened, as a child of the active one. */
export function recordSpan(name: string, attributes: Attributes, startTime: Date): void {
  trace.getTracer(TRACER_NAME).startSpan(name, { attributes, startTime }).end();
}
