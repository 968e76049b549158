import { status as grpcStatus } from '@grpc/grpc-js';
import { Status } from '@pemmican/contract/google';
import {
  Run,
  RunProgress,
  RunResult,
  RunSpec,
  WatchRunResponse,
  type DeviceMemorySample as SampleMessage,
} from '@pemmican/contract/trainer';
import { hostMemory, memoryKillCount, type DeviceMemorySampler } from '@pemmican/device-memory';
import { type JobContext, type JobKind, type JobResource } from '@pemmican/jobs';
import { RpcError } from '@pemmican/rpc';
import { activeTraceContext } from '@pemmican/telemetry';
import { runChild, type ChildEnd } from './child-process.ts';
import type { ChildMessage } from './child/messages.ts';
import type { TrainerConfig } from './config.ts';
import { toTrainingOptions } from './convert-options.ts';
import { toSampleMessage } from './convert-sample.ts';
import { requireKnownDevices } from './known-devices.ts';
import type { RunMetrics } from './run-metrics.ts';
import { toStatus } from './status.ts';
import { validateRunSpec } from './validate.ts';

type RunEvent = NonNullable<WatchRunResponse['event']>;

/** Types of the trainer's jobs. */
export interface RunTypes {
  spec: RunSpec;
  progress: RunProgress;
  result: RunResult;
  resource: Run;
  event: RunEvent;
}

const DEFAULT_SAMPLE_INTERVAL_MS = 500;

/** A failure that a child process told, as it is. */
class ChildFailure extends Error {
  override readonly name = 'ChildFailure';
  readonly status: Status;
  constructor(status: Status) {
    super(status.message);
    this.status = status;
  }
}

/** What all runs of a service share. */
export interface RunEnvironment {
  readonly config: TrainerConfig;
  readonly sampler: DeviceMemorySampler;
  /** Process ids of the runs that go on, by name. */
  readonly processOf: Map<string, number>;
  readonly metrics: RunMetrics;
}

/** Runs as jobs: each in a child process, which is started again from its last checkpoint when it is killed. */
export function runKind(environment: RunEnvironment): JobKind<RunTypes> {
  return {
    collection: 'runs',
    specCodec: RunSpec,
    resourceCodec: Run,
    watchMessageCodec: WatchRunResponse,
    createResource: (fields: JobResource<RunSpec, RunProgress, RunResult>): Run => ({
      ...fields,
      spec: fields.spec,
      progress: fields.progress,
      result: fields.result,
      error: fields.error,
      createTime: fields.createTime,
      startTime: fields.startTime,
      endTime: fields.endTime,
    }),
    validate: (spec) => {
      validateRunSpec(spec);
      const { config, sampler } = environment;
      requireKnownDevices(toTrainingOptions(spec.options).numDevices, config, sampler);
      return Promise.resolve();
    },
    execute: (context) => new RunExecution(environment, context).execute(),
    startLimit: {
      // A step that was done before is done again after a start, up to the one after the checkpoint; so each counts by itself.
      progressMark: ({ step, checkpointStep }) => step + checkpointStep,
      failure: (run, startCount) => serviceKeepsEnding(run, startCount),
    },
    toStatus: (error) => (error instanceof ChildFailure ? error.status : toStatus(error)),
  };
}

class RunExecution {
  readonly #environment: RunEnvironment;
  readonly #context: JobContext<RunTypes>;
  /** Begins with the newest checkpoint: a process knows of none until it has read it, and may be killed before. */
  #progress: RunProgress;

  constructor(environment: RunEnvironment, context: JobContext<RunTypes>) {
    this.#environment = environment;
    this.#context = context;
    const checkpointStep = context.progress?.checkpointStep ?? 0;
    this.#progress = { step: 0, totalSteps: 0, epoch: 0, restartCount: 0, checkpointStep };
  }

  async execute(): Promise<RunResult> {
    // A run that was paused, or that the service's last process left unfinished, goes on as if its child had been killed.
    let stepOfLastMemoryKill: number | undefined;
    for (let restartCount = this.#context.isRecovered ? 1 : 0; ; restartCount++) {
      const earlierKillCount = memoryKillCount();
      const end = await this.#runOnce(restartCount);
      switch (end.type) {
        case 'succeeded':
          return RunResult.decode(end.result);
        case 'failed':
          throw new ChildFailure(Status.decode(end.status));
        case 'cancelled':
          throw this.#context.signal.reason;
        case 'died':
          this.#context.signal.throwIfAborted();
          if (end.signal === 'SIGKILL' && memoryKillCount() > earlierKillCount) {
            // Once may be another process's fault. Without a checkpoint in between, it would go on like that.
            if (this.#progress.checkpointStep === stepOfLastMemoryKill)
              throw memoryLimitReached(this.#context.name, restartCount, stepOfLastMemoryKill);
            stepOfLastMemoryKill = this.#progress.checkpointStep;
          }
          if (restartCount >= this.#environment.config.maxRestarts)
            throw tooManyRestarts(this.#context.name, restartCount, end);
          this.#emit({
            $case: 'log',
            value: {
              severity: 'warning',
              message: `The run's process ended (${describeEnd(end)}); it is started again from its last checkpoint`,
            },
          });
      }
    }
  }

  async #runOnce(restartCount: number): Promise<ChildEnd> {
    const { spec, name, signal } = this.#context;
    const sampling = new AbortController();
    try {
      return await runChild({
        message: {
          type: 'train',
          runName: name,
          spec: RunSpec.encode(spec).finish(),
          restartCount,
          traceContext: activeTraceContext(),
        },
        memoryBudgetBytes: spec.memoryBudgetBytes,
        tensorflow: this.#environment.config.tensorflow,
        environment: this.#environment.config.environment,
        signal,
        onMessage: (message) => {
          this.#receive(message);
        },
        onStart: (pid) => {
          this.#environment.processOf.set(name, pid);
          void this.#sample(pid, sampling.signal);
        },
      });
    } finally {
      sampling.abort();
      this.#environment.processOf.delete(name);
      this.#environment.metrics.end(name);
    }
  }

  #receive(message: ChildMessage): void {
    if (message.type !== 'event') return;
    const progress = RunProgress.decode(message.progress);
    // A process that is started again knows of no checkpoint until it has read the newest one.
    const checkpointStep = Math.max(progress.checkpointStep, this.#progress.checkpointStep);
    this.#progress = { ...progress, checkpointStep };
    const { event } = WatchRunResponse.decode(message.event);
    if (event === undefined) return;
    this.#environment.metrics.record(this.#context.name, event);
    this.#context.emit(event, this.#progress);
  }

  async #sample(pid: number, signal: AbortSignal): Promise<void> {
    const intervalMs = this.#context.spec.memorySampleIntervalMs || DEFAULT_SAMPLE_INTERVAL_MS;
    try {
      for await (const samples of this.#environment.sampler.watch({ intervalMs, pid: () => pid, signal })) {
        if (signal.aborted) return;
        // A process that has ended, while Node has not told it yet, holds nothing: that is no measurement of the run.
        const ofProcess = samples.filter(({ source, processBytes }) => source !== 'HOST' || processBytes > 0);
        for (const value of ofProcess.map(toSampleMessage))
          this.#emit({ $case: 'deviceMemory', value: value satisfies SampleMessage });
      }
    } catch (error) {
      // A GPU that no longer answers is worth a line; the run itself will say more.
      this.#emit({
        $case: 'log',
        value: {
          severity: 'warning',
          message: `Device memory is no longer sampled: ${error instanceof Error ? error.message : String(error)}`,
        },
      });
    }
  }

  #emit(event: RunEvent): void {
    this.#environment.metrics.record(this.#context.name, event);
    this.#context.emit(event);
  }
}

function describeEnd(end: Extract<ChildEnd, { type: 'died' }>): string {
  return end.signal === null ? `exit code ${end.exitCode}` : end.signal;
}

function memoryLimitReached(name: string, restartCount: number, checkpointStep: number): RpcError {
  const limitBytes = hostMemory().totalBytes;
  return new RpcError({
    code: grpcStatus.RESOURCE_EXHAUSTED,
    reason: 'MEMORY_LIMIT_REACHED',
    message:
      `The kernel has killed the process of ${name} twice after step ${checkpointStep}, as it needs more memory than there is: ` +
      `${limitBytes} bytes for all processes here. Take smaller batches, with gradient accumulation for as many records a step; ` +
      'a memory budget says before what fits',
    metadata: { limitBytes: String(limitBytes), restartCount: String(restartCount) },
  });
}

function serviceKeepsEnding({ name, progress }: Run, startCount: number): RpcError {
  const limitBytes = hostMemory().totalBytes;
  const checkpointStep = progress?.checkpointStep ?? 0;
  return new RpcError({
    code: grpcStatus.ABORTED,
    reason: 'SERVICE_KEEPS_ENDING',
    message:
      `The service ended ${startCount} times in a row at work on ${name}, without saying why and before the run made a new step; ` +
      `${checkpointStep === 0 ? 'it has no checkpoint' : `its newest checkpoint is of step ${checkpointStep}`}. Most likely all processes ` +
      `here are killed together when memory runs out, and ${limitBytes} bytes are too little for this run. Take smaller batches, with ` +
      'gradient accumulation for as many records a step, or give the container more memory; a memory budget says before what fits. ' +
      'Where something else ends the service, checkpoints that are closer together let the run come further',
    metadata: {
      checkpointStep: String(checkpointStep),
      limitBytes: String(limitBytes),
      startCount: String(startCount),
    },
  });
}

function tooManyRestarts(name: string, restartCount: number, end: Extract<ChildEnd, { type: 'died' }>): RpcError {
  return new RpcError({
    code: grpcStatus.ABORTED,
    reason: 'PROCESS_KEEPS_ENDING',
    message: `The process of ${name} ended ${restartCount + 1} times (last: ${describeEnd(end)}); is the machine out of memory? A memory budget turns that into an error that says so`,
    metadata: { restartCount: String(restartCount) },
  });
}
