import type { Metadata } from '@grpc/grpc-js';
import {
  InterceptingCall,
  ServerInterceptingCall,
  status as grpcStatus,
  type Interceptor,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  context,
  propagation,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';

const TRACER_NAME = '@pemmican/telemetry';

const setter = {
  set: (metadata: Metadata, key: string, value: string): void => {
    metadata.set(key, value);
  },
};
const getter = {
  keys: (metadata: Metadata): string[] => Object.keys(metadata.getMap()),
  get: (metadata: Metadata, key: string): string[] => metadata.get(key).map(String),
};

/** Attributes of a call (OpenTelemetry semantic conventions for RPC). */
function attributes(path: string): Attributes {
  const [, service = '', method = ''] = path.split('/');
  return { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
}

function finish(span: Span, code: number, details: string): void {
  span.setAttribute('rpc.grpc.status_code', code);
  if (code !== Number(grpcStatus.OK)) span.setStatus({ code: SpanStatusCode.ERROR, message: details });
  span.end();
}

/** A span for each call that a client makes, and its context in the call's metadata (W3C traceparent). */
export const clientTracing: Interceptor = (options, nextCall) => {
  const { path } = options.method_definition;
  const span = trace
    .getTracer(TRACER_NAME)
    .startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes: attributes(path) });
  const spanContext = trace.setSpan(context.active(), span);
  return new InterceptingCall(nextCall(options), {
    start(metadata, _listener, next) {
      propagation.inject(spanContext, metadata, setter);
      next(metadata, {
        onReceiveStatus(status, nextStatus) {
          finish(span, status.code, status.details);
          nextStatus(status);
        },
      });
    },
  });
};

/** A span for each call that a server answers, a child of the client's; handlers run in its context. */
export const serverTracing: ServerInterceptor = (method, call) => {
  let span: Span | undefined;
  let callContext: Context = ROOT_CONTEXT;
  const end = (code: number, details: string): void => {
    // 'cancelled' comes after every normal end too; a span ends once.
    if (span !== undefined) finish(span, code, details);
    span = undefined;
  };
  return new ServerInterceptingCall(call, {
    start(next) {
      next({
        onReceiveMetadata(metadata, nextMetadata) {
          const parent = propagation.extract(ROOT_CONTEXT, metadata, getter);
          span = trace
            .getTracer(TRACER_NAME)
            .startSpan(method.path.slice(1), { kind: SpanKind.SERVER, attributes: attributes(method.path) }, parent);
          callContext = trace.setSpan(parent, span);
          context.with(callContext, () => {
            nextMetadata(metadata);
          });
        },
        onReceiveMessage(message, nextMessage) {
          context.with(callContext, () => {
            nextMessage(message);
          });
        },
        onReceiveHalfClose(nextHalfClose) {
          context.with(callContext, () => {
            nextHalfClose();
          });
        },
        onCancel() {
          end(grpcStatus.CANCELLED, 'cancelled');
        },
      });
    },
    sendStatus(status, next) {
      end(status.code ?? grpcStatus.UNKNOWN, status.details ?? '');
      next(status);
    },
  });
};
