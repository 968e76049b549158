import type { CallOptions, ClientReadableStream, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';

import { toRpcFailure } from '../rpc-failure.ts';

/** A generated client's method of one request and one response. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Longest time that a call which only starts, reads or cancels something may take. */
const UNARY_DEADLINE_MS = 30_000;

/**
 * Calls a method.
 * @throws RpcFailure what the service told
 */
export async function callUnary<Request, Response>(
  service: string,
  method: UnaryMethod<Request, Response>,
  request: Request,
  options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const deadline = Date.now() + (options.deadlineMs ?? UNARY_DEADLINE_MS);
  return new Promise((resolve, reject) => {
    const call = method(request, new Metadata(), { deadline }, (error, response) => {
      options.signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(toRpcFailure(error, service));
    });
    const cancel = (): void => {
      call.cancel();
    };
    options.signal?.addEventListener('abort', cancel, { once: true });
    if (options.signal?.aborted === true) cancel();
  });
}

/**
 * Reads a server stream; leaving the loop early cancels the call.
 * @throws RpcFailure what the service told
 */
export async function* readStream<Response>(
  service: string,
  call: ClientReadableStream<Response>,
  signal?: AbortSignal,
): AsyncGenerator<Response, void, undefined> {
  const cancel = (): void => {
    call.cancel();
  };
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  try {
    for await (const message of call) yield message as Response;
  } catch (error) {
    throw toRpcFailure(error, service);
  } finally {
    signal?.removeEventListener('abort', cancel);
    call.cancel();
  }
}
