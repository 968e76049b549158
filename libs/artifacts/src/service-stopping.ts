import { status as grpcStatus } from '@grpc/grpc-js';
import { RpcError } from '@pemmican/rpc';

const RETRY_DELAY_MS = 1000;

/** What calls that are under way are told when the service stops. */
export function serviceStopping(): RpcError {
  return new RpcError({
    code: grpcStatus.UNAVAILABLE,
    reason: 'SERVICE_STOPPING',
    message: 'The service is stopping; go on when it is back',
    retryDelayMs: RETRY_DELAY_MS,
  });
}
