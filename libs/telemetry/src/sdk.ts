/**
 * The OpenTelemetry SDK, for the main modules of services and of the command only. Nothing is sent unless the standard
 * environment asks for it.
 * @module
 */
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';

export interface RunningTelemetry {
  /** Sends what is left and stops. */
  shutdown(): Promise<void>;
}

// Where nothing listens, a process must not wait long for its end.
const MAX_SHUTDOWN_MS = 3_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of which one asks for a signal; the SDK reads these and every other OTEL_* variable itself. */
const TRACE_VARIABLES = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_TRACES_EXPORTER'];
const METRIC_VARIABLES = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
  'OTEL_METRICS_EXPORTER',
];

const LOG_VARIABLES = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', 'OTEL_LOGS_EXPORTER'];

const isAskedFor = (environment: Environment, variables: readonly string[]): boolean =>
  environment['OTEL_SDK_DISABLED'] !== 'true' && variables.some((name) => (environment[name] ?? '') !== '');

/**
 * Starts the signals that the environment asks for: traces, logs, and metrics where the process has any (`OTEL_METRICS_EXPORTER=prometheus`
 * answers scrapes on OTEL_EXPORTER_PROMETHEUS_PORT, 9464 where that is not set).
 * @param service.hasMetrics whether the process measures anything; one that does not must not take the port
 */
export function startTelemetry(
  service: { serviceName: string; serviceVersion: string; hasMetrics?: boolean },
  environment: Environment = process.env,
): RunningTelemetry {
  const hasTraces = isAskedFor(environment, TRACE_VARIABLES);
  const hasMetrics = service.hasMetrics === true && isAskedFor(environment, METRIC_VARIABLES);
  const hasLogs = isAskedFor(environment, LOG_VARIABLES);
  if (!hasTraces && !hasMetrics && !hasLogs) return { shutdown: () => Promise.resolve() };
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({
      'service.name': service.serviceName,
      'service.version': service.serviceVersion,
    }),
    instrumentations: [],
    // What is not asked for is none; without these the SDK would send everything to the default address.
    ...(hasTraces ? {} : { spanProcessors: [] }),
    ...(hasMetrics ? {} : { metricReaders: [] }),
    ...(hasLogs ? {} : { logRecordProcessors: [] }),
  });
  sdk.start();
  return {
    shutdown: async () => {
      const timeout = new Promise<void>((resolve) => {
        setTimeout(resolve, MAX_SHUTDOWN_MS).unref();
      });
      // A collector that is gone is no failure of the work.
      await Promise.race([sdk.shutdown().catch(() => undefined), timeout]);
    },
  };
}
