import { readFileSync } from 'node:fs';
import { Metadata, credentials } from '@grpc/grpc-js';
import {
  RunState,
  TrainerServiceClient,
  TrainingOptions,
  type CreateRunRequest,
  type Run,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import { DatasetSpec, Split } from '@pemmican/contract/vocabulary';
import { followEvents } from '@pemmican/testkit';
import { setTimeout as delay } from 'node:timers/promises';
import { KubernetesError } from '../error.ts';

/** How callers are known, and whom they trust. */
export interface CallerFiles {
  readonly authorityFile: string;
  readonly serverName: string;
  readonly token: string;
}

/** What a run is made of, by paths as pods have them. */
export interface RunFiles {
  readonly model: string;
  readonly trainFile: string;
  readonly output: string;
  readonly maxSteps: number;
  readonly saveSteps: number;
}

const POLL_MS = 250;

/** A trainer at one address. */
export class TrainerClient {
  readonly #client: TrainerServiceClient;
  readonly #metadata = new Metadata();

  constructor(address: string, { authorityFile, serverName, token }: CallerFiles) {
    this.#client = new TrainerServiceClient(address, credentials.createSsl(readFileSync(authorityFile)), {
      'grpc.ssl_target_name_override': serverName,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
      'grpc.enable_http_proxy': 0,
    });
    this.#metadata.set('authorization', `Bearer ${token}`);
  }

  create(files: RunFiles): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.#client.createRun(runRequest(files), this.#metadata, this.#options(), (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  get(name: string): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.#client.getRun({ name, readMask: undefined }, this.#metadata, this.#options(), (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  list(): Promise<readonly Run[]> {
    return new Promise((resolve, reject) => {
      this.#client.listRuns(
        { pageSize: 100, pageToken: '', readMask: undefined },
        this.#metadata,
        this.#options(),
        (error, response) => {
          if (error === null) resolve(response.runs);
          else reject(error);
        },
      );
    });
  }

  /** Waits for what is asked of a run; while the trainer is away it asks again. */
  async until(name: string, isThere: (run: Run) => boolean, timeoutMs: number): Promise<Run> {
    const deadline = performance.now() + timeoutMs;
    let last = 'it did not answer';
    for (;;) {
      try {
        const run = await this.get(name);
        if (isThere(run)) return run;
        last = `state ${run.state}, step ${run.progress?.step ?? 0}`;
      } catch (error) {
        last = (error as Error).message;
      }
      if (performance.now() > deadline)
        throw new KubernetesError('TIMEOUT', `${name} after ${timeoutMs / 1000} s: ${last}`);
      await delay(POLL_MS);
    }
  }

  /**
   * Follows a run until an event is as asked, over the trainer's absences.
   * @param after last event that was seen; undefined for none
   */
  async untilEvent(
    name: string,
    after: WatchRunResponse | undefined,
    isThere: (event: WatchRunResponse) => boolean,
    timeoutMs: number,
  ): Promise<WatchRunResponse> {
    const deadline = Date.now() + timeoutMs;
    const { last, isEnded } = await followEvents<WatchRunResponse>({
      watch: (resumeToken) => this.#client.watchRun({ name, resumeToken }, this.#metadata, { deadline }),
      ...(after === undefined ? {} : { after }),
      onEvent: isThere,
      retryDelayMs: POLL_MS,
      timeoutMs,
    });
    if (isEnded || last === undefined) throw new KubernetesError('TIMEOUT', `${name} ended before the event came`);
    return last;
  }

  close(): void {
    this.#client.close();
  }

  #options(): { deadline: number } {
    return { deadline: Date.now() + 10_000 };
  }
}

export const isFinal = ({ state }: Run): boolean => state >= RunState.SUCCEEDED && state <= RunState.CANCELLED;
export const hasCheckpoint = ({ progress }: Run): boolean => (progress?.checkpointStep ?? 0) > 0;

/** Shuffling, dropout and decay on: everything that a run that goes on has to repeat. */
function runRequest({ model, trainFile, output, maxSteps, saveSteps }: RunFiles): CreateRunRequest {
  return {
    requestId: output,
    validateOnly: false,
    spec: {
      modelUri: model,
      outputUri: output,
      dataset: DatasetSpec.fromPartial({
        files: [{ split: Split.TRAIN, uri: trainFile }],
        maxSequenceLength: 32,
        skipInvalid: true,
      }),
      options: TrainingOptions.fromPartial({
        maxSteps,
        perDeviceTrainBatchSize: 16,
        saveSteps,
        weightDecay: 0.01,
        dropout: 0.1,
      }),
      memoryBudgetBytes: 0,
      resumeFromCheckpoint: '',
      memorySampleIntervalMs: 0,
    },
  };
}
