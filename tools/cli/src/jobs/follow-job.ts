import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import { RpcFailure } from '../rpc-failure.ts';
import type { Job, JobResource } from './job.ts';
import { JOB_STATE } from './job.ts';

/** A service that has been away for this long is unreachable. */
const AWAY_LIMIT_MS = 30_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;

const GRPC_CANCELLED = 1;
const GRPC_RESOURCE_EXHAUSTED = 8;
const GRPC_FAILED_PRECONDITION = 9;
const GRPC_INTERNAL = 13;
const GRPC_UNAVAILABLE = 14;

/** How a job is followed. */
export interface FollowOptions<Event> {
  readonly onEvent?: (event: Event) => void;
  /** Called once each time that the connection was lost. */
  readonly onConnectionLost?: (service: string) => void;
  /** Called when the interruption was passed on. */
  readonly onCancelling?: () => void;
  /** Aborted by Ctrl-C: the job is cancelled, and followed until it has ended. */
  readonly interrupted: AbortSignal;
  /** Why the service will not come back; undefined while it may. */
  readonly serviceFailure?: () => Error | undefined;
  readonly awayLimitMs?: number;
}

/**
 * Starts a job and follows it until it has ended, attaching again where the connection is lost.
 * @returns the job as it succeeded
 * @throws RpcFailure when it was refused or failed
 * @throws CliError with exit code 130 when it was cancelled by the interruption
 */
export async function followJob<Resource extends JobResource, Event>(
  job: Job<Resource, Event>,
  options: FollowOptions<Event>,
): Promise<Resource> {
  options.interrupted.throwIfAborted();
  const patience = new Patience(job.service, options);
  // The same request id makes a repeated Create return the first one's job.
  const requestId = randomUUID();
  const created = await patience.whileAway(async () => job.create(requestId));
  const cancel = (): void => {
    options.onCancelling?.();
    void patience
      .whileAway(async () => job.cancel(created.name))
      .catch((error: unknown) => {
        // It has ended by itself in the meantime; following it says how.
        if (!(error instanceof RpcFailure && error.code === GRPC_FAILED_PRECONDITION)) patience.giveUp(error);
      });
  };
  options.interrupted.addEventListener('abort', cancel, { once: true });
  if (options.interrupted.aborted) cancel();
  try {
    return outcome(job, await untilFinal(job, created, options, patience), options.interrupted);
  } finally {
    options.interrupted.removeEventListener('abort', cancel);
  }
}

async function untilFinal<Resource extends JobResource, Event>(
  job: Job<Resource, Event>,
  created: Resource,
  options: FollowOptions<Event>,
  patience: Patience,
): Promise<Resource> {
  let resumeToken = '';
  let sequence = 0;
  for (;;) {
    const final = await patience.whileAway(async () => {
      for await (const message of job.watch(created.name, resumeToken)) {
        patience.reset();
        resumeToken = message.resumeToken;
        if (message.sequence <= sequence || message.event === undefined) continue;
        sequence = message.sequence;
        options.onEvent?.(message.event);
        const state = job.stateOf(message.event);
        if (state !== undefined && isFinal(state)) return state;
      }
      // The stream ends after the final state; one that ends before it is told by the resource itself.
      const current = await job.get(created.name);
      return isFinal(current) ? current : undefined;
    });
    if (final !== undefined) return final;
    await sleep(FIRST_RETRY_MS);
  }
}

function outcome<Resource extends JobResource, Event>(
  job: Job<Resource, Event>,
  resource: Resource,
  interrupted: AbortSignal,
): Resource {
  if (resource.state === JOB_STATE.SUCCEEDED) return resource;
  if (resource.state === JOB_STATE.CANCELLED) {
    if (interrupted.aborted) throw interrupted.reason;
    throw new CliError(EXIT_CODE.FAILURE, `${resource.name} was cancelled by somebody else`, { reason: 'CANCELLED' });
  }
  throw new RpcFailure(resource.error ?? { code: GRPC_INTERNAL, message: `${resource.name} failed`, details: [] }, {
    service: job.service,
  });
}

function isFinal(resource: JobResource): boolean {
  return resource.state >= JOB_STATE.SUCCEEDED && resource.state <= JOB_STATE.CANCELLED;
}

/** Tries again while a service is away: it restarts, or the network is gone for a moment. */
class Patience {
  readonly #service: string;
  readonly #options: Pick<FollowOptions<never>, 'onConnectionLost' | 'serviceFailure' | 'awayLimitMs'>;
  #awaySince: number | undefined;
  #delayMs = FIRST_RETRY_MS;
  #reasonToGiveUp: { readonly error: unknown } | undefined;

  constructor(
    service: string,
    options: Pick<FollowOptions<never>, 'onConnectionLost' | 'serviceFailure' | 'awayLimitMs'>,
  ) {
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
