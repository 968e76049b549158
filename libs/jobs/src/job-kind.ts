import type { Status } from '@pemmican/contract/google';
import type { StartLimit } from './start-limit.ts';

/**
 * State numbers that the three services' state enums share (AIP-216; 0 is `*_STATE_UNSPECIFIED`). Jobs are paused where
 * their service offers it.
 */
export const JOB_STATE = { QUEUED: 1, RUNNING: 2, SUCCEEDED: 3, FAILED: 4, CANCELLED: 5, PAUSED: 6 } as const;
export type JobState = 0 | (typeof JOB_STATE)[keyof typeof JOB_STATE];

/** Whether a job in this state never changes again. */
export function isFinalState(state: JobState): boolean {
  return state === JOB_STATE.SUCCEEDED || state === JOB_STATE.FAILED || state === JOB_STATE.CANCELLED;
}

/** A state as metrics and logs name it: `succeeded`. */
export function nameOfState(state: JobState): string {
  const [name = 'unspecified'] = Object.entries(JOB_STATE).find(([, value]) => value === state) ?? [];
  return name.toLowerCase();
}

/** The fields that `Analysis`, `Surgery` and `Run` have in common. */
export interface JobResource<Spec, Progress, Result, State extends JobState = JobState> {
  name: string;
  uid: string;
  state: State;
  spec?: Spec | undefined;
  progress?: Progress | undefined;
  result?: Result | undefined;
  error?: Status | undefined;
  createTime?: Date | undefined;
  startTime?: Date | undefined;
  endTime?: Date | undefined;
}

/** One case of a watch message's `event`. */
export interface JobEvent {
  readonly $case: string;
  readonly value: unknown;
}

/** The fields that the three services' watch messages have in common. */
export interface JobWatchMessage<Event extends JobEvent> {
  sequence: number;
  resumeToken: string;
  eventTime?: Date | undefined;
  event?: Event | undefined;
}

/** The part of a generated message's functions that storing it takes. */
export interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** Types of one kind of job, bundled so that signatures stay readable. */
export interface JobTypes {
  spec: unknown;
  progress: unknown;
  result: unknown;
  resource: JobResource<unknown, unknown, unknown>;
  event: JobEvent;
}

/** What a job may do while it runs. */
export interface JobContext<Types extends JobTypes> {
  readonly name: string;
  readonly uid: string;
  readonly spec: Types['spec'];
  /** How far the job was when it was last at work; undefined where it never was. */
  readonly progress: Types['progress'] | undefined;
  /** Aborted by Cancel and Pause (reasons: {@link JobCancelledError}, {@link JobPausedError}) and when the service stops. */
  readonly signal: AbortSignal;
  /** Whether this job ran before: until an earlier process of the service ended, or until it was paused. */
  readonly isRecovered: boolean;
  /** Records an event, then tells the watchers. With `progress`, the resource's progress changes in the same transaction. */
  emit(event: Types['event'], progress?: Types['progress']): void;
}

/** What makes one service's jobs what they are. */
export interface JobKind<Types extends JobTypes> {
  /** Plural resource name, the first part of names: `runs`. */
  readonly collection: string;
  readonly specCodec: Codec<Types['spec']>;
  readonly resourceCodec: Codec<Types['resource']>;
  readonly watchMessageCodec: Codec<JobWatchMessage<Types['event']>>;
  /** A resource of this kind with these fields. */
  createResource(
    fields: JobResource<Types['spec'], Types['progress'], Types['result'], Types['resource']['state']>,
  ): Types['resource'];
  /**
   * Refuses a spec before anything is stored.
   * @throws RpcError INVALID_ARGUMENT
   */
  validate(spec: Types['spec']): Promise<void>;
  /** Runs the job. What it throws ends the job as FAILED with the status that {@link toStatus} makes of it. */
  execute(context: JobContext<Types>): Promise<Types['result']>;
  /** For jobs that can end the service that works on them; others are started as often as the service is. */
  readonly startLimit?: StartLimit<Types>;
  /** Removes what is kept of a job beside the store, when the job is deleted for its age. */
  forget?(resource: Types['resource']): Promise<void>;
  /** Turns a failure into what clients see; internals MUST NOT leak. */
  toStatus(error: unknown): Status;
}

/** Reason of a job's signal when a client cancelled the job. */
export class JobCancelledError extends Error {
  override readonly name = 'JobCancelledError';
  constructor(jobName: string) {
    super(`${jobName} was cancelled`);
  }
}

/** Reason of a job's signal when a client paused the job; it runs again when it is resumed. */
export class JobPausedError extends Error {
  override readonly name = 'JobPausedError';
  constructor(jobName: string) {
    super(`${jobName} was paused`);
  }
}

/** Reason of a job's signal when the service stops; the job goes on when the service starts again. */
export class ServiceStoppingError extends Error {
  override readonly name = 'ServiceStoppingError';
  constructor() {
    super('The service is stopping');
  }
}
