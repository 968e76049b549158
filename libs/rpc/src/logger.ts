import { SeverityNumber, logs, trace } from '@opentelemetry/api';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes lines of JSON. Fields MUST NOT hold secrets. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

const SEVERITY_NUMBERS = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
} as const;

/**
 * A logger to stderr; each line has the ids of the span in which it was written. Where the process sends logs by OpenTelemetry, the
 * same is a record there.
 */
export function createLogger(
  service: string,
  level: LogLevel,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  const at =
    (severity: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (LOG_LEVELS.indexOf(severity) < LOG_LEVELS.indexOf(level)) return;
      const span = trace.getActiveSpan()?.spanContext();
      const ids = span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
      // The API takes the span from the context itself.
      logs.getLogger('@pemmican/rpc').emit({
        severityNumber: SEVERITY_NUMBERS[severity],
        severityText: severity,
        body: message,
        attributes: fields,
      });
      write(`${JSON.stringify({ time: new Date().toISOString(), severity, service, message, ...ids, ...fields })}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
