import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { credentials } from '@grpc/grpc-js';
import {
  type TrainingOptions,
  EstimateMemoryRequest,
  ListRunsRequest,
  TrainerServiceClient,
  type EstimateMemoryResponse,
  type ListRunsResponse,
  type CreateRunRequest,
  type Run,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import { endProcess, forkService } from '@pemmican/testkit';

/** A trainer in a process of its own, which can be killed and started again on the same state. */
export class TrainerProcess {
  readonly #environment: Record<string, string>;
  readonly #address: string;
  #process: ChildProcess | undefined;
  #client: TrainerServiceClient | undefined;

  /** @param environment what it is told beside its folder */
  constructor(folder: string, environment: Record<string, string> = {}) {
    this.#address = `unix:${path.join(folder, 'trainer.sock')}`;
    this.#environment = {
      PEMMICAN_LISTEN: this.#address,
      PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
      PEMMICAN_MAX_RESTARTS: '1000',
      PEMMICAN_LOG_LEVEL: 'silent',
      ...environment,
    };
  }

  /** @param environment what it is told this time, beside or in place of what it is told always */
  async start(environment: Record<string, string> = {}): Promise<void> {
    const { child, listening } = forkService('trainer', { ...this.#environment, ...environment });
    this.#process = child;
    await listening;
    this.#client?.close();
    this.#client = new TrainerServiceClient(this.#address, credentials.createInsecure());
  }

  get client(): TrainerServiceClient {
    if (this.#client === undefined) throw new Error('The trainer is not started');
    return this.#client;
  }

  /** Process ids of the runs that the trainer has forked. */
  childIds(): number[] {
    return childIdsOf(this.#process?.pid);
  }

  async kill(): Promise<void> {
    if (this.#process !== undefined) await endProcess(this.#process, 'SIGKILL');
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await this.kill();
  }

  /** Asks it to end, as Kubernetes does, and gives its exit code. */
  async terminate(): Promise<number | null> {
    if (this.#process === undefined) throw new Error('The trainer is not started');
    return endProcess(this.#process, 'SIGTERM');
  }

  create(request: CreateRunRequest): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.client.createRun(request, (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  get(name: string, readMask?: string[]): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.client.getRun({ name, readMask }, (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  list(readMask?: string[]): Promise<ListRunsResponse> {
    return new Promise((resolve, reject) => {
      this.client.listRuns(ListRunsRequest.fromPartial({ readMask }), (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  cancel(name: string): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.client.cancelRun({ name }, (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  pause(name: string): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.client.pauseRun({ name }, (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  resume(name: string): Promise<Run> {
    return new Promise((resolve, reject) => {
      this.client.resumeRun({ name }, (error, response) => {
        if (error !== null || response.run === undefined) reject(error ?? new Error('No run came'));
        else resolve(response.run);
      });
    });
  }

  estimate(
    modelUri: string,
    reducedVocabSize: number,
    options: Parameters<typeof TrainingOptions.fromPartial>[0] = {},
  ): Promise<EstimateMemoryResponse> {
    const request = EstimateMemoryRequest.fromPartial({
      modelUri,
      reducedVocabSize,
      sequenceLength: 32,
      memoryLimitBytes: 1e9,
      options,
    });
    return new Promise((resolve, reject) => {
      this.client.estimateMemory(request, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  watch(name: string, resumeToken: string): AsyncIterable<WatchRunResponse> {
    return this.client.watchRun({ name, resumeToken });
  }
}

/** Ids of the processes that a process has forked. */
export function childIdsOf(parent: number | undefined): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent ? [Number(name)] : [];
    } catch {
      return []; // gone in the meantime
    }
  });
}
