/** Variables of which one switches telemetry on; without them the SDK is not even loaded. */
const SWITCHES = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_TRACES_EXPORTER'] as const;

/** Runs a verb's action in the root span of its trace, `pemmican VERB`; off by default. */
export async function withCommandSpan(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  version: string,
  action: () => Promise<void>,
): Promise<void> {
  // Services have a trace of their own; `serve` runs as long as they do.
  const isWanted = name !== 'serve' && SWITCHES.some((key) => (environment[key] ?? '') !== '');
  if (!isWanted) {
    await action();
    return;
  }
  const [{ startTelemetry }, { withSpan }] = await Promise.all([
    import('@pemmican/telemetry/sdk'),
    import('@pemmican/telemetry'),
  ]);
  const telemetry = startTelemetry({ serviceName: 'pemmican-cli', serviceVersion: version }, environment);
  try {
    await withSpan(`pemmican ${name}`, {}, action);
  } finally {
    await telemetry.shutdown();
  }
}
