import path from 'node:path';
import {
  EmbeddingSurgeryServiceService,
  Surgery,
  SurgerySpec,
  WatchSurgeryResponse,
  type EmbeddingSurgeryServiceServer,
  type SurgeryProgress,
  type SurgeryResult,
  type SurgeryState,
} from '@pemmican/contract/surgery';
import { createArtifactService } from '@pemmican/artifacts';
import { JobService, type JobContext, type JobKind, type JobResource } from '@pemmican/jobs';
import { Handlers, createLogger, readMask, toRpcError, type HostedService, type Logger } from '@pemmican/rpc';
import { openFolder, parseLocation } from '@pemmican/storage';
import { withSpan } from '@pemmican/telemetry';
import type { EmbeddingSurgeryConfig } from './config.ts';
import { planReduction, reduceJob } from './reduce-job.ts';
import { readAdapter } from './merge-job.ts';
import { planRestore, restoreJob } from './restore-job.ts';
import { ERROR_RULES } from './status.ts';
import type { SurgeryHooks } from './surgery-hooks.ts';
import { validateSurgerySpec } from './validate.ts';

// Progress is for people: more often costs and shows nothing.
const PROGRESS_INTERVAL_MS = 100;

interface SurgeryTypes {
  spec: SurgerySpec;
  progress: SurgeryProgress;
  result: SurgeryResult;
  resource: Surgery;
  event: NonNullable<WatchSurgeryResponse['event']>;
}

/** The service, ready to be put on a server. */
export interface EmbeddingSurgeryService {
  readonly services: readonly HostedService[];
  close(): Promise<void>;
}

export function createEmbeddingSurgeryService(config: EmbeddingSurgeryConfig): EmbeddingSurgeryService {
  const logger = createLogger('embedding-surgery', config.logLevel);
  const jobs = new JobService<SurgeryTypes>(surgeryKind(config, logger), {
    storeFile: path.join(config.stateDirectory, 'surgeries.sqlite'),
    concurrency: config.maxConcurrentJobs,
    maxQueued: config.maxQueuedJobs,
    logger,
    maintenance: config.maintenance,
  });
  const { artifactRoots: roots, stateDirectory } = config;
  const artifacts = createArtifactService({ roots, stateDirectory, settings: config.artifacts, logger });
  const handlers = new Handlers({
    rules: ERROR_RULES,
    logger,
    guard: (request) => {
      config.artifactRoots.checkRequest(request);
    },
  });
  const masked = (paths: string[] | undefined): ((surgery: Surgery) => Surgery) =>
    readMask('pemmican.surgery.v1.Surgery', Surgery, paths);
  const implementation: EmbeddingSurgeryServiceServer = {
    createSurgery: handlers.unary(async (request) => {
      const surgery = await jobs.create(request);
      if (request.validateOnly && request.spec !== undefined) await check(request.spec, config);
      return { surgery };
    }),
    getSurgery: handlers.unary(({ name, readMask: paths }) => ({ surgery: masked(paths)(jobs.get(name)) })),
    listSurgeries: handlers.unary((request) => {
      const mask = masked(request.readMask);
      const { resources, nextPageToken } = jobs.list(request);
      return { surgeries: resources.map(mask), nextPageToken };
    }),
    watchSurgery: handlers.serverStream((request, signal) => jobs.watch(request, signal)),
    cancelSurgery: handlers.unary(({ name }) => ({ surgery: jobs.cancel(name) })),
  };
  return {
    services: [
      {
        name: 'pemmican.surgery.v1.EmbeddingSurgeryService',
        definition: EmbeddingSurgeryServiceService,
        implementation: implementation,
        readMethods: ['GetSurgery', 'ListSurgeries', 'WatchSurgery'],
      },
      artifacts.hosted,
    ],
    close: async () => {
      await Promise.all([jobs.close(), artifacts.close()]);
    },
  };
}

function surgeryKind(config: EmbeddingSurgeryConfig, logger: Logger): JobKind<SurgeryTypes> {
  return {
    collection: 'surgeries',
    specCodec: SurgerySpec,
    resourceCodec: Surgery,
    watchMessageCodec: WatchSurgeryResponse,
    createResource: (fields: JobResource<SurgerySpec, SurgeryProgress, SurgeryResult, SurgeryState>): Surgery =>
      Surgery.fromPartial(fields),
    validate: (spec) => Promise.resolve(validateSurgerySpec(spec)),
    execute: (context) => execute(context, config),
    toStatus: (error) => toRpcError(error, ERROR_RULES, logger).toStatus(),
  };
}

/** Refuses what the job itself would refuse before it writes. A model of a hub is not fetched for that. */
async function check({ operation }: SurgerySpec, { hub }: EmbeddingSurgeryConfig): Promise<void> {
  if (operation === undefined || parseLocation(operation.value.modelUri).kind === 'hub') return;
  if (operation.$case === 'reduce') await planReduction(operation.value, { hub, isRecovered: false });
  else if ((await readAdapter(await openFolder(operation.value.trainedUri))) === undefined)
    await planRestore(operation.value, { hub });
}

function execute(context: JobContext<SurgeryTypes>, config: EmbeddingSurgeryConfig): Promise<SurgeryResult> {
  let lastMs = 0;
  const hooks: SurgeryHooks = {
    signal: context.signal,
    hub: config.hub,
    artifactRoots: config.artifactRoots,
    isRecovered: context.isRecovered,
    onProgress: (progress) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < PROGRESS_INTERVAL_MS && progress.writtenBytes < progress.totalBytes) return;
      lastMs = nowMs;
      context.emit({ $case: 'progress', value: progress }, progress);
    },
  };
  const { operation } = context.spec;
  if (operation === undefined) throw new TypeError('Unreachable: a spec without an operation was refused');
  return withSpan(operation.$case, { 'pemmican.output': operation.value.outputUri }, () =>
    operation.$case === 'reduce' ? reduceJob(operation.value, hooks) : restoreJob(operation.value, hooks),
  );
}
