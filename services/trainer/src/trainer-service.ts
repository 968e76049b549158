import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import {
  PredictRequest,
  PredictResponse,
  Run,
  TrainerServiceService,
  type TrainerServiceServer,
  type WatchDeviceMemoryResponse,
} from '@pemmican/contract/trainer';
import { Status } from '@pemmican/contract/google';
import { DeviceMemorySampler } from '@pemmican/device-memory';
import { createArtifactService } from '@pemmican/artifacts';
import { JobService } from '@pemmican/jobs';
import { Handlers, RpcError, createLogger, readMask, type HostedService } from '@pemmican/rpc';
import { activeTraceContext } from '@pemmican/telemetry';
import { runChild } from './child-process.ts';
import type { TrainerConfig } from './config.ts';
import { toSampleMessage } from './convert-sample.ts';
import { estimateMemory } from './estimate.ts';
import { reportGpus } from './known-devices.ts';
import { runKind, type RunTypes } from './run-kind.ts';
import { RunMetrics } from './run-metrics.ts';
import { ERROR_RULES } from './status.ts';
import { validateEstimateRequest, validatePredictRequest, validateWatchDeviceMemory } from './validate.ts';

const DEFAULT_WATCH_INTERVAL_MS = 1000;

/** The trainer, ready to be put on a server. */
export interface TrainerService {
  readonly services: readonly HostedService[];
  /** Interrupts runs; they go on when the service starts again. */
  close(): Promise<void>;
}

export function createTrainerService(config: TrainerConfig): TrainerService {
  const logger = createLogger('trainer', config.logLevel);
  const sampler = new DeviceMemorySampler({ useGpu: config.tensorflow === 'gpu' });
  reportGpus(logger, config, sampler);
  const processOf = new Map<string, number>();
  const { artifactRoots: roots, stateDirectory } = config;
  const artifacts = createArtifactService({ roots, stateDirectory, settings: config.artifacts, logger });
  // Takes up unfinished runs, so that nothing may fail after it.
  const jobs = new JobService<RunTypes>(runKind({ config, sampler, processOf, metrics: new RunMetrics() }), {
    storeFile: path.join(config.stateDirectory, 'runs.sqlite'),
    concurrency: config.maxConcurrentRuns,
    maxQueued: config.maxQueuedRuns,
    logger,
    maintenance: config.maintenance,
  });
  const handlers = new Handlers({
    rules: ERROR_RULES,
    logger,
    guard: (request) => {
      config.artifactRoots.checkRequest(request);
    },
  });
  const masked = (paths: string[] | undefined): ((run: Run) => Run) => readMask('pemmican.trainer.v1.Run', Run, paths);
  const implementation: TrainerServiceServer = {
    createRun: handlers.unary(async (request) => ({ run: await jobs.create(request) })),
    getRun: handlers.unary(({ name, readMask: paths }) => ({ run: masked(paths)(jobs.get(name)) })),
    listRuns: handlers.unary((request) => {
      const mask = masked(request.readMask);
      const { resources, nextPageToken } = jobs.list(request);
      return { runs: resources.map(mask), nextPageToken };
    }),
    watchRun: handlers.serverStream((request, signal) => jobs.watch(request, signal)),
    cancelRun: handlers.unary(({ name }) => ({ run: jobs.cancel(name) })),
    pauseRun: handlers.unary(({ name }) => ({ run: jobs.pause(name) })),
    resumeRun: handlers.unary(({ name }) => ({ run: jobs.resume(name) })),
    estimateMemory: handlers.unary((request) => {
      validateEstimateRequest(request);
      return estimateMemory(request, config.hub);
    }),
    predict: handlers.serverStream((request, signal) => {
      validatePredictRequest(request);
      return predict(config, request, signal);
    }),
    watchDeviceMemory: handlers.serverStream(
      async function* (request, signal): AsyncGenerator<WatchDeviceMemoryResponse> {
        validateWatchDeviceMemory(request);
        if (request.runName !== '') jobs.get(request.runName);
        const pid = (): number | undefined => processOf.get(request.runName);
        for await (const samples of sampler.watch({
          intervalMs: request.intervalMs || DEFAULT_WATCH_INTERVAL_MS,
          pid,
          signal,
        }))
          yield { samples: samples.map(toSampleMessage) };
      },
    ),
  };
  return {
    services: [
      {
        name: 'pemmican.trainer.v1.TrainerService',
        definition: TrainerServiceService,
        implementation: implementation,
        readMethods: ['GetRun', 'ListRuns', 'WatchRun', 'EstimateMemory', 'WatchDeviceMemory'],
      },
      artifacts.hosted,
    ],
    close: async () => {
      await Promise.all([jobs.close(), artifacts.close()]);
    },
  };
}

/** Logits from a child process, which ends with the call. */
async function* predict(
  config: TrainerConfig,
  request: PredictRequest,
  signal: AbortSignal,
): AsyncGenerator<PredictResponse, void, undefined> {
  const pending: PredictResponse[] = [];
  let wake: () => void = () => undefined;
  const end = runChild({
    message: { type: 'predict', request: PredictRequest.encode(request).finish(), traceContext: activeTraceContext() },
    memoryBudgetBytes: request.memoryBudgetBytes,
    tensorflow: config.tensorflow,
    environment: config.environment,
    signal,
    onMessage: (message) => {
      if (message.type !== 'prediction') return;
      pending.push(PredictResponse.decode(message.response));
      wake();
    },
  });
  let isEnded = false;
  const ended = end.finally(() => {
    isEnded = true;
    wake();
  });
  for (;;) {
    for (let response = pending.shift(); response !== undefined; response = pending.shift()) yield response;
    if (isEnded) break;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  const outcome = await ended;
  if (outcome.type === 'failed') throw statusError(Status.decode(outcome.status));
  // Killed, or crashed in the engine: no fault of the service, and worth another try where there is more memory.
  if (outcome.type === 'died')
    throw new RpcError({
      code: grpcStatus.ABORTED,
      reason: 'PROCESS_ENDED',
      message: `The process of the prediction ended with ${outcome.signal ?? `exit code ${outcome.exitCode}`}; is the machine, or memory_budget_bytes, out of memory?`,
    });
}

/** A status from a child process as an error of the call, details and all. */
function statusError(status: Status): RpcError {
  const error = new RpcError({ code: status.code, reason: 'PREDICTION_FAILED', message: status.message });
  error.toStatus = () => status;
  return error;
}
