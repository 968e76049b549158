import {
  status as grpcStatus,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { toRpcError, toStatusObject, type ErrorRule } from './error-status.ts';
import type { Logger } from './logger.ts';
import { MalformedMessage } from './malformed-message.ts';
import { RpcError } from './rpc-error.ts';

// A client that takes nothing for so long is gone or asleep; it can attach again with its resume token.
const MAX_STALL_MS = 30_000;

/** Wraps plain functions as grpc-js handlers: errors become rich statuses, streams have backpressure and a signal. */
export class Handlers {
  readonly #rules: readonly ErrorRule[];
  readonly #logger: Logger;
  readonly #maxStallMs: number;
  readonly #guard: (request: unknown) => void;

  /** @param options.guard throws for a request, or a message of a client's stream, that no handler is to see */
  constructor(options: {
    rules?: readonly ErrorRule[];
    logger: Logger;
    maxStallMs?: number;
    guard?: (request: unknown) => void;
  }) {
    this.#rules = options.rules ?? [];
    this.#logger = options.logger;
    this.#maxStallMs = options.maxStallMs ?? MAX_STALL_MS;
    const guard = options.guard ?? ((): void => undefined);
    this.#guard = (request) => {
      if (request instanceof MalformedMessage) throw request.error;
      guard(request);
    };
  }

  /** @param handle its `signal` is aborted when the client goes or its deadline passes */
  unary<Request, Response>(
    handle: (request: Request, signal: AbortSignal) => Promise<Response> | Response,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      const controller = new AbortController();
      call.on('cancelled', () => {
        controller.abort();
      });
      void (async () => {
        try {
          this.#guard(call.request);
          callback(null, await handle(call.request, controller.signal));
        } catch (error) {
          callback(toStatusObject(toRpcError(error, this.#rules, this.#logger)));
        }
      })();
    };
  }

  /** @param handle its iteration ends when the client goes: `signal` is aborted */
  serverStream<Request, Response>(
    handle: (request: Request, signal: AbortSignal) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      void this.#stream(call, handle);
    };
  }

  /** @param handle reads the client's messages; `signal` is aborted when the client goes before it has its answer */
  clientStream<Request, Response>(
    handle: (requests: AsyncIterable<Request>, signal: AbortSignal) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response> {
    return (call, callback) => {
      const controller = new AbortController();
      call.on('cancelled', () => {
        controller.abort();
      });
      void (async () => {
        try {
          callback(null, await handle(this.#guarded(call as AsyncIterable<Request>), controller.signal));
        } catch (error) {
          callback(toStatusObject(toRpcError(error, this.#rules, this.#logger)));
        }
      })();
    };
  }

  async *#guarded<Request>(requests: AsyncIterable<Request>): AsyncGenerator<Request, void, undefined> {
    try {
      for await (const request of requests) {
        this.#guard(request);
        yield request;
      }
    } catch (error) {
      // What Node says of a stream whose client has gone: no fault of ours.
      if (error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')
        throw new DOMException('The client has gone', 'AbortError');
      throw error;
    }
  }

  async #stream<Request, Response>(
    call: ServerWritableStream<Request, Response>,
    handle: (request: Request, signal: AbortSignal) => AsyncIterable<Response>,
  ): Promise<void> {
    const controller = new AbortController();
    let isDone = false;
    // grpc-js emits 'cancelled' after every finished stream too, hence the flag.
    call.on('cancelled', () => {
      if (!isDone) controller.abort();
    });
    call.on('error', () => {
      if (!isDone) controller.abort();
    });
    try {
      this.#guard(call.request);
      for await (const response of handle(call.request, controller.signal)) {
        if (controller.signal.aborted) break;
        if (!call.write(response)) await this.#drained(call, controller.signal, resumeTokenOf(response));
      }
      isDone = true;
      call.end();
    } catch (error) {
      isDone = true;
      if (controller.signal.aborted) call.end();
      else call.emit('error', toStatusObject(toRpcError(error, this.#rules, this.#logger)));
    }
  }

  /**
   * Resolves when the client has taken what was written. One that takes nothing gets what is buffered when it reads
   * again, then the error, with the token of the last message before it.
   */
  #drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal, resumeToken: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        call.off('drain', onDrain);
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const onDrain = (): void => {
        finish(resolve);
      };
      const onAbort = (): void => {
        finish(resolve);
      };
      const timer = setTimeout(() => {
        finish(() => {
          reject(
            new RpcError({
              code: grpcStatus.RESOURCE_EXHAUSTED,
              reason: 'WATCHER_TOO_SLOW',
              message: `The client took nothing for ${this.#maxStallMs} ms; attach again with the last resume token`,
              metadata: resumeToken === '' ? {} : { resumeToken },
              retryDelayMs: 1000,
            }),
          );
        });
      }, this.#maxStallMs);
      call.on('drain', onDrain);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/** The token of a watch message; empty for messages that have none. */
function resumeTokenOf(response: unknown): string {
  const token: unknown =
    typeof response === 'object' && response !== null && 'resumeToken' in response ? response.resumeToken : undefined;
  return typeof token === 'string' ? token : '';
}
