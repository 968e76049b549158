/**
 * Long jobs as resources: create, get, list, watch and cancel over a durable store, with a queue and recovery.
 * @module
 */
export {
  JOB_STATE,
  JobCancelledError,
  JobPausedError,
  ServiceStoppingError,
  isFinalState,
  type Codec,
  type JobContext,
  type JobEvent,
  type JobKind,
  type JobResource,
  type JobState,
  type JobTypes,
  type JobWatchMessage,
} from './job-kind.ts';
export { JobMetrics } from './job-metrics.ts';
export { readMaintenance, type MaintenanceOptions } from './maintenance.ts';
export { JobService, type JobServiceOptions } from './job-service.ts';
export { MAX_STARTS_WITHOUT_PROGRESS, type StartLimit } from './start-limit.ts';
