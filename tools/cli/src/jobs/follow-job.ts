import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import { RpcFailure } from '../rpc-failure.ts';
import type { PatienceOptions } from '../services/patience.ts';
import { Patience } from '../services/patience.ts';
import type { Job, JobResource } from './job.ts';
import { JOB_STATE } from './job.ts';

/** Before a job whose stream ended too early is looked at again. */
const REATTACH_MS = 100;

const GRPC_FAILED_PRECONDITION = 9;
const GRPC_INTERNAL = 13;

/** How a job is followed. */
export interface FollowOptions<Event> extends PatienceOptions {
  readonly onEvent?: (event: Event) => void;
  /** Called when the interruption was passed on. */
  readonly onCancelling?: () => void;
  /** Aborted by Ctrl-C: the job is cancelled, and followed until it has ended. */
  readonly interrupted: AbortSignal;
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
    await sleep(REATTACH_MS);
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
