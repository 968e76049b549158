import { setTimeout as sleep } from 'node:timers/promises';

import { RpcFailure } from '../rpc-failure.ts';

/** A service that has been away for this long is unreachable. */
const AWAY_LIMIT_MS = 30_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;

const GRPC_CANCELLED = 1;
const GRPC_RESOURCE_EXHAUSTED = 8;
const GRPC_INTERNAL = 13;
const GRPC_UNAVAILABLE = 14;

/** What is done while a service is away. */
export interface PatienceOptions {
  /** Called once each time that the connection was lost. */
  readonly onConnectionLost?: (service: string) => void;
  /** Why the service will not come back; undefined while it may. */
  readonly serviceFailure?: () => Error | undefined;
  readonly awayLimitMs?: number;
}

/** Tries again while a service is away: it restarts, or the network is gone for a moment. */
export class Patience {
  readonly #service: string;
  readonly #options: PatienceOptions;
  #awaySince: number | undefined;
  #delayMs = FIRST_RETRY_MS;
  #reasonToGiveUp: { readonly error: unknown } | undefined;

  constructor(service: string, options: PatienceOptions) {
    this.#service = service;
    this.#options = options;
  }

  /** Something arrived: the service is there. */
  reset(): void {
    this.#awaySince = undefined;
    this.#delayMs = FIRST_RETRY_MS;
  }

  /** Makes every later retry fail with this. */
  giveUp(error: unknown): void {
    this.#reasonToGiveUp ??= { error };
  }

  async whileAway<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        const result = await attempt();
        this.reset();
        return result;
      } catch (error) {
        if (!isAway(error)) throw error;
        await this.#wait(error);
      }
    }
  }

  async #wait(error: unknown): Promise<void> {
    if (this.#reasonToGiveUp !== undefined) throw this.#reasonToGiveUp.error;
    const failure = this.#options.serviceFailure?.();
    if (failure !== undefined) throw failure;
    const now = performance.now();
    if (this.#awaySince === undefined) {
      this.#awaySince = now;
      this.#options.onConnectionLost?.(this.#service);
    }
    if (now - this.#awaySince > (this.#options.awayLimitMs ?? AWAY_LIMIT_MS)) throw error;
    await sleep(this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
  }
}

/** Whether a call failed because of the way to the service and not because of what was asked. */
function isAway(error: unknown): boolean {
  if (!(error instanceof RpcFailure)) return false;
  switch (error.code) {
    case GRPC_UNAVAILABLE:
      // Other reasons are the service's own: a hub that it cannot reach, a driver that is not there.
      return error.reason === '' || error.reason === 'SERVICE_STOPPING';
    case GRPC_RESOURCE_EXHAUSTED:
      // A watcher that read too slowly; a full queue of jobs has its own reason.
      return error.reason === 'WATCHER_TOO_SLOW';
    case GRPC_CANCELLED:
    case GRPC_INTERNAL:
      // How grpc-js tells a stream that was reset by a dying peer: without details of ours.
      return error.reason === '' && /RST_STREAM|stream|connection/i.test(error.message);
    default:
      return false;
  }
}
