import {
  Server,
  ServerInterceptingCall,
  status as grpcStatus,
  type MethodDefinition,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { encodingOnce } from './encode-once.ts';
import { toStatusObject } from './error-status.ts';
import { RpcError } from './rpc-error.ts';

/** Stands for a message whose bytes are no message of its method: grpc-js itself would tell the client INTERNAL. */
export class MalformedMessage {
  /** What the client is told. */
  readonly error: RpcError;
  constructor(path: string, cause: unknown) {
    this.error = new RpcError({
      code: grpcStatus.INVALID_ARGUMENT,
      reason: 'MALFORMED_MESSAGE',
      message: `The message to ${path} cannot be decoded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }
}

/** A server whose handlers get a {@link MalformedMessage} in place of what cannot be decoded, and whose streams encode a message once. */
export class DecodingServer extends Server {
  override addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    const methods = Object.entries(service).map(([name, method]) => [name, encodingOnce(decodingAll(method))] as const);
    super.addService(Object.fromEntries(methods), implementation);
  }
}

function decodingAll(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  const { path, requestDeserialize } = method;
  return {
    ...method,
    requestDeserialize: (bytes) => {
      try {
        return requestDeserialize(bytes);
      } catch (error) {
        return new MalformedMessage(path, error);
      }
    },
  };
}

/** Refuses malformed messages to services that are not made with `Handlers`, which do so themselves: those of gRPC. */
export const refuseMalformed: ServerInterceptor = (method, call) => {
  if (!method.path.startsWith('/grpc.')) return new ServerInterceptingCall(call);
  return new ServerInterceptingCall(call, {
    start(next) {
      next({
        onReceiveMessage(message, deliver) {
          if (message instanceof MalformedMessage) call.sendStatus(toStatusObject(message.error));
          else deliver(message);
        },
      });
    },
  });
};
