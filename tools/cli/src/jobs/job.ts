import type { Status } from '@pemmican/contract/google';

/** State numbers that the three services' state enums share (AIP-216; 0 is `*_STATE_UNSPECIFIED`). */
export const JOB_STATE = { QUEUED: 1, RUNNING: 2, SUCCEEDED: 3, FAILED: 4, CANCELLED: 5 } as const;

/** The fields that `Analysis`, `Surgery` and `Run` have in common. */
export interface JobResource {
  readonly name: string;
  readonly state: number;
  readonly error?: Status | undefined;
}

/** The fields that the three services' watch messages have in common. */
export interface JobMessage<Event> {
  readonly sequence: number;
  readonly resumeToken: string;
  readonly event?: Event | undefined;
}

/** What a job is to whoever starts and follows it: the four methods of its service. */
export interface Job<Resource extends JobResource, Event> {
  /** Name of the service, for messages. */
  readonly service: string;
  create(requestId: string): Promise<Resource>;
  get(name: string): Promise<Resource>;
  cancel(name: string): Promise<void>;
  watch(name: string, resumeToken: string): AsyncIterable<JobMessage<Event>>;
  /** The resource of a state change; undefined for any other event. */
  stateOf(event: Event): Resource | undefined;
}
