import { ServerInterceptingCall, status as grpcStatus, type ServerInterceptor } from '@grpc/grpc-js';
import { metrics } from '@opentelemetry/api';

const METER_NAME = '@pemmican/telemetry';

/** Bounds in seconds: unary calls take milliseconds, watches as long as a run. */
const DURATION_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3600, 21_600];

/**
 * Rate, errors and duration of each method (`rpc.server.call.duration`, OpenTelemetry's semantic conventions for RPC), and the calls
 * that are open. To be made after the SDK has started: what is made before records nothing.
 */
export function serverMetrics(): ServerInterceptor {
  const meter = metrics.getMeter(METER_NAME);
  const durations = meter.createHistogram('rpc.server.call.duration', {
    unit: 's',
    description: 'How long calls took, from their metadata to their status',
    advice: { explicitBucketBoundaries: DURATION_BOUNDS },
  });
  const open = meter.createUpDownCounter('pemmican.rpc.server.open_calls', {
    unit: '{call}',
    description: 'Calls that have begun and not ended',
  });
  return (method, call) => {
    const startMs = performance.now();
    const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method.path.slice(1) };
    let isOpen = true;
    open.add(1, attributes);
    const end = (code: number): void => {
      // 'cancelled' comes after every normal end too.
      if (!isOpen) return;
      isOpen = false;
      open.add(-1, attributes);
      const seconds = (performance.now() - startMs) / 1000;
      durations.record(seconds, { ...attributes, 'rpc.response.status_code': grpcStatus[code] ?? String(code) });
    };
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, nextMetadata) {
            nextMetadata(metadata);
          },
          onReceiveMessage(message, nextMessage) {
            nextMessage(message);
          },
          onReceiveHalfClose(nextHalfClose) {
            nextHalfClose();
          },
          onCancel() {
            end(grpcStatus.CANCELLED);
          },
        });
      },
      sendStatus(status, next) {
        end(status.code ?? grpcStatus.UNKNOWN);
        next(status);
      },
    });
  };
}
