import type { Logger } from '@pemmican/rpc';
import type { RunStore } from '@pemmican/run-store';
import type { JobTypes } from './job-kind.ts';

/**
 * Starts of a job without progress, none of which the service outlived, after which the job is started no more. Once and twice may be
 * chance, or another job's fault.
 */
export const MAX_STARTS_WITHOUT_PROGRESS = 3;

/**
 * Keeps a job from ending its service for ever. Where memory runs out, all processes of a container may be killed for it, the service
 * with them: it is started again, takes the job up, and is killed again.
 */
export interface StartLimit<Types extends JobTypes> {
  /** How far a job is, as a whole number that grows with everything that is progress, and may fall back when it is started again. */
  progressMark(progress: Types['progress']): number;
  /** What a job fails with that was started so often without progress, while the service never said that it ends. */
  failure(resource: Types['resource'], startCount: number): Error;
}

/**
 * Counts that a job is about to be started, in the store, where the count outlives the process.
 * @throws Error of the limit's, where the service has not outlived the job too often
 */
export function countStart<Types extends JobTypes>(
  startLimit: StartLimit<Types>,
  { resource, store, logger }: { resource: Types['resource']; store: RunStore; logger: Logger },
): void {
  const { name } = resource;
  const earlierStartCount = store.recordStart(name) - 1;
  if (earlierStartCount === 0) return;
  if (earlierStartCount >= MAX_STARTS_WITHOUT_PROGRESS) throw startLimit.failure(resource, earlierStartCount);
  logger.warn('job is started again: the service has ended, without saying so, before the job made progress', {
    job: name,
    startCount: earlierStartCount,
    maxStartCount: MAX_STARTS_WITHOUT_PROGRESS,
  });
}
