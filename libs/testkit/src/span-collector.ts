import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

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

export interface SpanCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT, with OTEL_EXPORTER_OTLP_PROTOCOL=http/json. */
  readonly endpoint: string;
  readonly spans: readonly CollectedSpan[];
  close(): void;
}

interface OtlpRequest {
  readonly resourceSpans?: {
    readonly resource?: {
      readonly attributes?: { readonly key: string; readonly value: { readonly stringValue?: string } }[];
    };
    readonly scopeSpans?: {
      readonly spans?: { name: string; traceId: string; spanId: string; parentSpanId?: string; kind: number }[];
    }[];
  }[];
}

/** A receiver of OTLP over HTTP in JSON on a free port of this machine. */
export async function startSpanCollector(): Promise<SpanCollector> {
  const spans: CollectedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces')
        collect(JSON.parse(Buffer.concat(chunks).toString('utf8')) as OtlpRequest, spans);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function collect(request: OtlpRequest, spans: CollectedSpan[]): void {
  for (const { resource, scopeSpans = [] } of request.resourceSpans ?? []) {
    const serviceName =
      resource?.attributes?.find((attribute) => attribute.key === 'service.name')?.value.stringValue ?? '';
    for (const { spans: received = [] } of scopeSpans) {
      for (const { name, traceId, spanId, parentSpanId = '', kind } of received)
        spans.push({ name, traceId, spanId, parentSpanId, serviceName, kind });
    }
  }
}
