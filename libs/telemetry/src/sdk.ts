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

/**
 * Starts traces when OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER is set; the
 * SDK reads these and every other OTEL_* variable itself.
 */
export function startTelemetry(
  service: { serviceName: string; serviceVersion: string },
  environment: Readonly<Record<string, string | undefined>> = process.env,
): RunningTelemetry {
  const isWanted = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_TRACES_EXPORTER'].some(
    (name) => (environment[name] ?? '') !== '',
  );
  if (!isWanted || environment['OTEL_SDK_DISABLED'] === 'true') return { shutdown: () => Promise.resolve() };
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({
      'service.name': service.serviceName,
      'service.version': service.serviceVersion,
    }),
    instrumentations: [],
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
