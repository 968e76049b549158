import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** A span as it came over the wire. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly serviceName: string;
  /** 1 internal, 2 server, 3 client (OTLP's SpanKind). */
  readonly kind: number;
}

/** A log record as it came over the wire. */
export interface CollectedLog {
  readonly body: string;
  /** Empty outside of a span. */
  readonly traceId: string;
  readonly serviceName: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A metric as it came over the wire; what it measured is left out. */
export interface CollectedMetric {
  readonly name: string;
  readonly unit: string;
  readonly serviceName: string;
}

export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT, with OTEL_EXPORTER_OTLP_PROTOCOL=http/json. */
  readonly endpoint: string;
  readonly spans: readonly CollectedSpan[];
  readonly logs: readonly CollectedLog[];
  readonly metrics: readonly CollectedMetric[];
  close(): void;
}

type OtlpAttributes = readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];

interface OtlpRequest {
  readonly resourceMetrics?: {
    readonly resource?: { readonly attributes?: OtlpAttributes };
    readonly scopeMetrics?: { readonly metrics?: { name: string; unit?: string }[] }[];
  }[];
  readonly resourceLogs?: {
    readonly resource?: { readonly attributes?: OtlpAttributes };
    readonly scopeLogs?: {
      readonly logRecords?: { body?: { stringValue?: string }; traceId?: string; attributes?: OtlpAttributes }[];
    }[];
  }[];
  readonly resourceSpans?: {
    readonly resource?: { readonly attributes?: OtlpAttributes };
    readonly scopeSpans?: {
      readonly spans?: { name: string; traceId: string; spanId: string; parentSpanId?: string; kind: number }[];
    }[];
  }[];
}

/** A receiver of OTLP over HTTP in JSON on a free port of this machine. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: CollectedSpan[] = [];
  const logs: CollectedLog[] = [];
  const metrics: CollectedMetric[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      // The OpenTelemetry Collector compresses what it sends.
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      const sent = (): OtlpRequest => JSON.parse(text.toString('utf8')) as OtlpRequest;
      if (request.url === '/v1/traces') collect(sent(), spans);
      if (request.url === '/v1/logs') collectLogs(sent(), logs);
      if (request.url === '/v1/metrics') collectMetrics(sent(), metrics);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  // A connection that the server closes for being idle may be the one that a sender is just taking up again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    logs,
    metrics,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function collect(request: OtlpRequest, spans: CollectedSpan[]): void {
  for (const { resource, scopeSpans = [] } of request.resourceSpans ?? []) {
    const serviceName = textsOf(resource?.attributes)['service.name'] ?? '';
    for (const { spans: received = [] } of scopeSpans) {
      for (const { name, traceId, spanId, parentSpanId = '', kind } of received)
        spans.push({ name, traceId, spanId, parentSpanId, serviceName, kind });
    }
  }
}

function collectLogs(request: OtlpRequest, logs: CollectedLog[]): void {
  for (const { resource, scopeLogs = [] } of request.resourceLogs ?? []) {
    const serviceName = textsOf(resource?.attributes)['service.name'] ?? '';
    for (const { body, traceId = '', attributes } of scopeLogs.flatMap(({ logRecords = [] }) => logRecords))
      logs.push({ body: body?.stringValue ?? '', traceId, serviceName, attributes: textsOf(attributes) });
  }
}

function collectMetrics(request: OtlpRequest, metrics: CollectedMetric[]): void {
  for (const { resource, scopeMetrics = [] } of request.resourceMetrics ?? []) {
    const serviceName = textsOf(resource?.attributes)['service.name'] ?? '';
    for (const { name, unit = '' } of scopeMetrics.flatMap(({ metrics: received = [] }) => received))
      metrics.push({ name, unit, serviceName });
  }
}

/** Attributes that are texts. */
function textsOf(attributes: OtlpAttributes = []): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? '']));
}
