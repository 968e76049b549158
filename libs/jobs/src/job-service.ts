import { createHash } from 'node:crypto';
import { status as grpcStatus } from '@grpc/grpc-js';
import { FieldViolations, RpcError, invalidArgument, notFound, serviceStopping, type Logger } from '@pemmican/rpc';
import { RunStore, RunStoreError, type StoredEvent, type StoredResource } from '@pemmican/run-store';
import { activeTraceContext, withRemoteContext, withSpan } from '@pemmican/telemetry';
import {
  JOB_STATE,
  JobCancelledError,
  JobPausedError,
  ServiceStoppingError,
  isFinalState,
  nameOfState,
  type JobContext,
  type JobKind,
  type JobResource,
  type JobState,
  type JobTypes,
  type JobWatchMessage,
} from './job-kind.ts';
import { JobMetrics } from './job-metrics.ts';
import { JobQueue } from './job-queue.ts';
import { StoreMaintenance, type MaintenanceOptions } from './maintenance.ts';
import { countStart } from './start-limit.ts';

export interface JobServiceOptions {
  /** File of the store. */
  readonly storeFile: string;
  /** Jobs that run at the same time. */
  readonly concurrency: number;
  /** Jobs that may wait. */
  readonly maxQueued: number;
  readonly logger: Logger;
  /** None where not given. */
  readonly maintenance?: MaintenanceOptions;
}

const QUEUE_RETRY_DELAY_MS = 5_000;
const MAX_REQUEST_ID_LENGTH = 200;

/** What is kept beside a resource: the trace that its creation belongs to. */
interface StoredContext {
  readonly traceContext: Readonly<Record<string, string>>;
}

/**
 * A collection of long jobs behind the five methods that every service offers: Create, Get, List, Watch, Cancel; and Pause
 * and Resume, where a kind of job can go on from where it stopped. Jobs are stored before they are answered for; those that
 * a killed process left unfinished run again when the service starts.
 */
export class JobService<Types extends JobTypes> {
  readonly #kind: JobKind<Types>;
  readonly #options: JobServiceOptions;
  readonly #store: RunStore;
  readonly #queue: JobQueue;
  readonly #running = new Map<string, AbortController>();
  /** Jobs that were cancelled while they ran: a cancellation outdoes a pause that is under way. */
  readonly #cancelled = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #watchMessages = new WeakMap<StoredEvent, JobWatchMessage<Types['event']>>();
  readonly #metrics: JobMetrics;
  readonly #maintenance: StoreMaintenance | undefined;

  /** Opens the store and takes up what is unfinished. */
  constructor(kind: JobKind<Types>, options: JobServiceOptions) {
    this.#kind = kind;
    this.#options = options;
    this.#store = RunStore.open(options.storeFile, { collection: kind.collection });
    this.#queue = new JobQueue(options.concurrency);
    this.#metrics = new JobMetrics(kind.collection, () => ({
      waiting: this.#queue.waitingCount,
      running: this.#running.size,
    }));
    for (const stored of this.#store.unfinished())
      if (stored.state !== JOB_STATE.PAUSED) this.#enqueue(stored, this.#hasStarted(stored.name));
    this.#maintenance =
      options.maintenance &&
      new StoreMaintenance(options.maintenance, {
        store: this.#store,
        collection: kind.collection,
        logger: options.logger,
        forget: async ({ resource }) => kind.forget?.(kind.resourceCodec.decode(resource)),
      });
  }

  /**
   * Checks and stores a job.
   * @throws RpcError INVALID_ARGUMENT, ALREADY_EXISTS, RESOURCE_EXHAUSTED
   */
  async create(request: {
    spec: Types['spec'] | undefined;
    requestId: string;
    validateOnly: boolean;
  }): Promise<Types['resource']> {
    const { spec, requestId, validateOnly } = request;
    const violations = new FieldViolations();
    violations.check(spec !== undefined, 'spec', 'must be set');
    violations.check(
      requestId.length <= MAX_REQUEST_ID_LENGTH,
      'request_id',
      `has ${requestId.length} characters, at most ${MAX_REQUEST_ID_LENGTH} are allowed`,
    );
    violations.throwIfAny();
    if (spec === undefined) throw new TypeError('Unreachable: a missing spec was refused');
    await this.#kind.validate(spec);
    const fields = { state: JOB_STATE.QUEUED, spec, createTime: new Date() } as const;
    if (validateOnly) return this.#kind.createResource({ name: '', uid: '', ...fields });
    return this.#insert(spec, requestId, fields);
  }

  /** @throws RpcError NOT_FOUND */
  get(name: string): Types['resource'] {
    return this.#kind.resourceCodec.decode(this.#stored(name).resource);
  }

  /** @throws RpcError INVALID_ARGUMENT */
  list(request: { pageSize: number; pageToken: string }): { resources: Types['resource'][]; nextPageToken: string } {
    if (request.pageSize < 0) throw this.#invalid('page_size', `is ${request.pageSize}, must not be negative`);
    try {
      const page = this.#store.list(request);
      return {
        resources: page.resources.map(({ resource }) => this.#kind.resourceCodec.decode(resource)),
        nextPageToken: page.nextPageToken,
      };
    } catch (error) {
      if (error instanceof RunStoreError && error.code === 'INVALID_PAGE_TOKEN')
        throw this.#invalid('page_token', error.message);
      throw error;
    }
  }

  /**
   * Events of a job until it is final.
   * @throws RpcError NOT_FOUND, INVALID_ARGUMENT; UNAVAILABLE when the service stops
   */
  async *watch(
    request: { name: string; resumeToken: string },
    signal: AbortSignal,
  ): AsyncGenerator<JobWatchMessage<Types['event']>, void, undefined> {
    this.#stored(request.name);
    try {
      for await (const event of this.#store.watch(
        request.name,
        request.resumeToken,
        AbortSignal.any([signal, this.#stopping.signal]),
      )) {
        yield this.#watchMessage(event);
      }
    } catch (error) {
      if (error instanceof RunStoreError && error.code === 'INVALID_RESUME_TOKEN')
        throw this.#invalid('resume_token', error.message);
      if (error instanceof ServiceStoppingError) throw serviceStopping('attach again with the last resume token');
      throw error;
    }
  }

  /** The same object for the same event, so that it is decoded, and later encoded, once for all watchers. */
  #watchMessage(event: StoredEvent): JobWatchMessage<Types['event']> {
    const known = this.#watchMessages.get(event);
    if (known !== undefined) return known;
    const { sequence, resumeToken, time: eventTime, payload } = event;
    const message = { ...this.#kind.watchMessageCodec.decode(payload), sequence, resumeToken, eventTime };
    this.#watchMessages.set(event, message);
    return message;
  }

  /** @throws RpcError NOT_FOUND, FAILED_PRECONDITION */
  cancel(name: string): Types['resource'] {
    const stored = this.#stored(name);
    this.#refuseFinal(stored);
    const controller = this.#running.get(name);
    if (controller === undefined) {
      this.#queue.remove(name);
      this.#change(name, { state: JOB_STATE.CANCELLED, endTime: new Date() });
    } else {
      this.#cancelled.add(name);
      controller.abort(new JobCancelledError(name));
    }
    return this.get(name);
  }

  /**
   * Stops a job so that {@link resume} lets it go on.
   * @throws RpcError NOT_FOUND, FAILED_PRECONDITION
   */
  pause(name: string): Types['resource'] {
    const stored = this.#stored(name);
    this.#refuseFinal(stored);
    if (stored.state === JOB_STATE.PAUSED) throw this.#precondition('ALREADY_PAUSED', name, 'is paused already');
    const controller = this.#running.get(name);
    if (controller === undefined) {
      this.#queue.remove(name);
      this.#change(name, { state: JOB_STATE.PAUSED });
    } else controller.abort(new JobPausedError(name));
    return this.get(name);
  }

  /** @throws RpcError NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED */
  resume(name: string): Types['resource'] {
    const stored = this.#stored(name);
    this.#refuseFinal(stored);
    if (stored.state !== JOB_STATE.PAUSED) throw this.#precondition('NOT_PAUSED', name, 'is not paused');
    this.#checkQueue();
    // Somebody wants it to be tried again, with more memory, say.
    this.#forgetStarts(name);
    this.#change(name, { state: JOB_STATE.QUEUED });
    this.#enqueue(stored, this.#hasStarted(name));
    return this.get(name);
  }

  /** Stops: running jobs are interrupted and go on when the service starts again. */
  async close(): Promise<void> {
    const reason = new ServiceStoppingError();
    this.#stopping.abort(reason);
    for (const [name, controller] of this.#running) {
      controller.abort(reason);
      this.#forgetStarts(name);
    }
    await this.#queue.close();
    await this.#maintenance?.close();
    this.#metrics.close();
    this.#store.close();
  }

  /**
   * Before a job has stopped: should that take too long, the process is killed, and no job is to blame. A store that cannot be written keeps
   * no job from being stopped.
   */
  #forgetStarts(name: string): void {
    try {
      this.#store.forgetStarts(name);
    } catch (error) {
      this.#options.logger.warn('the count of starts of a job cannot be set to zero', {
        job: name,
        error: String(error),
      });
    }
  }

  #hasStarted(name: string): boolean {
    return this.get(name).startTime !== undefined;
  }

  #refuseFinal(stored: StoredResource): void {
    if (stored.isFinal) throw this.#precondition('ALREADY_FINAL', stored.name, 'has ended already');
  }

  #precondition(reason: string, name: string, what: string): RpcError {
    return new RpcError({
      code: grpcStatus.FAILED_PRECONDITION,
      reason,
      message: `${name} ${what}`,
      resource: { type: this.#kind.collection, name },
    });
  }

  #checkQueue(): void {
    const { waitingCount } = this.#queue;
    if (waitingCount < this.#options.maxQueued) return;
    throw new RpcError({
      code: grpcStatus.RESOURCE_EXHAUSTED,
      reason: 'QUEUE_FULL',
      message: `${waitingCount} ${this.#kind.collection} wait, at most ${this.#options.maxQueued} may`,
      retryDelayMs: QUEUE_RETRY_DELAY_MS,
    });
  }

  #insert(
    spec: Types['spec'],
    requestId: string,
    fields: { state: JobState; spec: Types['spec']; createTime: Date },
  ): Types['resource'] {
    const resourceOf = (name: string, uid: string): Types['resource'] =>
      this.#kind.createResource({ name, uid, ...fields });
    const encode = (resource: Types['resource']): Uint8Array => this.#kind.resourceCodec.encode(resource).finish();
    const context: StoredContext = { traceContext: activeTraceContext() };
    try {
      const { resource, isNew } = this.#store.create({
        requestId,
        requestDigest: createHash('sha256').update(this.#kind.specCodec.encode(spec).finish()).digest('hex'),
        spec: new TextEncoder().encode(JSON.stringify(context)),
        state: fields.state,
        // Called for a new job only: a repeated request is answered whatever the queue's length.
        resource: (name, uid) => {
          this.#checkQueue();
          return encode(resourceOf(name, uid));
        },
        event: (name, uid) => this.#stateEvent(resourceOf(name, uid)),
      });
      if (isNew) this.#enqueue(resource, false);
      return this.#kind.resourceCodec.decode(resource.resource);
    } catch (error) {
      if (error instanceof RunStoreError && error.code === 'REQUEST_ID_REUSED') {
        throw new RpcError({
          code: grpcStatus.ALREADY_EXISTS,
          reason: 'REQUEST_ID_REUSED',
          message: error.message,
          metadata: { requestId },
        });
      }
      throw error;
    }
  }

  #enqueue(stored: StoredResource, isRecovered: boolean): void {
    const { traceContext } = JSON.parse(new TextDecoder().decode(stored.spec)) as StoredContext;
    this.#queue.add(stored.name, () =>
      withRemoteContext(traceContext, () =>
        withSpan(
          `${this.#kind.collection} job`,
          { 'pemmican.job': stored.name, 'pemmican.recovered': isRecovered },
          () => this.#run(stored.name, isRecovered),
        ),
      ),
    );
  }

  /** Runs a job to a final state; never rejects. */
  async #run(name: string, isRecovered: boolean): Promise<void> {
    const controller = new AbortController();
    this.#running.set(name, controller);
    try {
      const resource = this.get(name);
      if (this.#kind.startLimit !== undefined)
        countStart(this.#kind.startLimit, { resource, store: this.#store, logger: this.#options.logger });
      this.#change(name, {
        state: JOB_STATE.RUNNING,
        ...(resource.startTime === undefined ? { startTime: new Date() } : {}),
      });
      const context: JobContext<Types> = {
        name,
        uid: resource.uid,
        spec: resource.spec,
        progress: resource.progress,
        signal: controller.signal,
        isRecovered,
        emit: (event, progress) => {
          this.#emit(name, event, progress);
        },
      };
      const result = await this.#kind.execute(context);
      this.#change(name, { state: JOB_STATE.SUCCEEDED, result, endTime: new Date() });
    } catch (error) {
      this.#end(name, controller.signal, error);
    } finally {
      this.#running.delete(name);
      this.#cancelled.delete(name);
    }
  }

  #end(name: string, signal: AbortSignal, error: unknown): void {
    const reason: unknown = signal.aborted ? signal.reason : undefined;
    // Left as it is: the next process of the service takes it up.
    if (reason instanceof ServiceStoppingError) return;
    try {
      if (reason instanceof JobCancelledError || this.#cancelled.has(name))
        this.#change(name, { state: JOB_STATE.CANCELLED, endTime: new Date() });
      else if (reason instanceof JobPausedError) this.#change(name, { state: JOB_STATE.PAUSED });
      else this.#change(name, { state: JOB_STATE.FAILED, error: this.#kind.toStatus(error), endTime: new Date() });
    } catch (storeError) {
      this.#options.logger.error('cannot store the end of a job', { job: name, error: String(storeError) });
    }
  }

  #emit(name: string, event: Types['event'], progress: Types['progress'] | undefined): void {
    const payload = this.#kind.watchMessageCodec.encode({ sequence: 0, resumeToken: '', event }).finish();
    if (progress === undefined) {
      this.#store.append(name, payload);
      return;
    }
    const resource = this.#kind.createResource({ ...this.#fields(name), progress });
    this.#store.append(name, payload, {
      state: resource.state,
      isFinal: isFinalState(resource.state),
      resource: this.#kind.resourceCodec.encode(resource).finish(),
      progressMark: this.#kind.startLimit?.progressMark(progress) ?? 0,
    });
  }

  #change(name: string, changes: Partial<JobResource<Types['spec'], Types['progress'], Types['result']>>): void {
    const resource = this.#kind.createResource({ ...this.#fields(name), ...changes });
    this.#store.append(name, this.#stateEvent(resource), {
      state: resource.state,
      isFinal: isFinalState(resource.state),
      resource: this.#kind.resourceCodec.encode(resource).finish(),
    });
    this.#options.logger.info('job changed', { job: name, state: nameOfState(resource.state) });
    if (isFinalState(resource.state))
      this.#metrics.end(resource.state, resource.startTime, resource.endTime ?? new Date());
  }

  #fields(name: string): JobResource<Types['spec'], Types['progress'], Types['result']> {
    return this.get(name);
  }

  #stateEvent(resource: Types['resource']): Uint8Array {
    const event = { $case: 'stateChange', value: resource } as unknown as Types['event'];
    return this.#kind.watchMessageCodec.encode({ sequence: 0, resumeToken: '', event }).finish();
  }

  #stored(name: string): StoredResource {
    try {
      return this.#store.get(name);
    } catch (error) {
      if (error instanceof RunStoreError && error.code === 'NOT_FOUND') throw notFound(this.#kind.collection, name);
      throw error;
    }
  }

  #invalid(field: string, description: string): RpcError {
    return invalidArgument([{ field, description }]);
  }
}
