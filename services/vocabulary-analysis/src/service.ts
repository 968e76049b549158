import { rm } from 'node:fs/promises';
import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import {
  Analysis,
  AnalysisSpec,
  AnalysisState,
  VocabularyAnalysisServiceService,
  WatchAnalysisResponse,
  type AnalysisProgress,
  type AnalysisResult,
  type DatasetFile,
  type VocabularyAnalysisServiceServer,
} from '@pemmican/contract/vocabulary';
import { createArtifactService } from '@pemmican/artifacts';
import { JobService, ServiceStoppingError, type JobKind, type JobResource } from '@pemmican/jobs';
import { Handlers, RpcError, createLogger, readMask, toRpcError, type HostedService, type Logger } from '@pemmican/rpc';
import { analysisJob, profileFile } from './analysis-job.ts';
import type { VocabularyAnalysisConfig } from './config.ts';
import { toAnalysisRequest } from './convert/analysis-request.ts';
import { createFromRecords } from './create-from-records.ts';
import { downloadProfile } from './download-profile.ts';
import { mergeProfiles } from './merge-profiles.ts';
import { removeSpool, sweepSpools } from './record-spool.ts';
import { runInWorker } from './run-in-worker.ts';
import { ERROR_RULES } from './status.ts';
import { validateAnalysisSpec } from './validate.ts';

interface AnalysisTypes {
  spec: AnalysisSpec;
  progress: AnalysisProgress;
  result: AnalysisResult;
  resource: Analysis;
  event: NonNullable<WatchAnalysisResponse['event']>;
}

/** The service, ready to be put on a server. */
export interface VocabularyAnalysisService {
  readonly services: readonly HostedService[];
  close(): Promise<void>;
}

export function createVocabularyAnalysisService(config: VocabularyAnalysisConfig): VocabularyAnalysisService {
  const logger = createLogger('vocabulary-analysis', config.logLevel);
  const jobs = new JobService<AnalysisTypes>(analysisKind(config, logger), {
    storeFile: path.join(config.stateDirectory, 'analyses.sqlite'),
    concurrency: config.maxConcurrentJobs,
    maxQueued: config.maxQueuedJobs,
    logger,
    maintenance: config.maintenance,
  });
  const spoolFolder = spoolFolderOf(config);
  sweepSpools(spoolFolder, unfinishedFiles(jobs));
  const { artifactRoots: roots, stateDirectory } = config;
  const artifacts = createArtifactService({ roots, stateDirectory, settings: config.artifacts, logger });
  const handlers = new Handlers({
    rules: ERROR_RULES,
    logger,
    guard: (request) => {
      config.artifactRoots.checkRequest(request);
    },
  });
  const masked = (paths: string[] | undefined): ((analysis: Analysis) => Analysis) =>
    readMask('pemmican.vocabulary.v1.Analysis', Analysis, paths);
  const implementation: VocabularyAnalysisServiceServer = {
    createAnalysis: handlers.unary(async (request) => {
      const analysis = await jobs.create(request);
      const { spec, validateOnly } = request;
      if (validateOnly && spec !== undefined)
        await runInWorker({ kind: 'check', request: toAnalysisRequest(spec), hub: config.hub });
      return { analysis };
    }),
    createAnalysisFromRecords: handlers.clientStream((requests, signal) =>
      createFromRecords(requests, {
        spoolFolder,
        maxUploadBytes: config.maxUploadBytes,
        signal,
        createAnalysis: (spec) => jobs.create({ spec, requestId: '', validateOnly: false }),
      }),
    ),
    mergeProfiles: handlers.unary(async (request, signal) => ({ result: await mergeProfiles(request, signal) })),
    getAnalysis: handlers.unary(({ name, readMask: paths }) => ({ analysis: masked(paths)(jobs.get(name)) })),
    listAnalyses: handlers.unary((request) => {
      const mask = masked(request.readMask);
      const { resources, nextPageToken } = jobs.list(request);
      return { analyses: resources.map(mask), nextPageToken };
    }),
    watchAnalysis: handlers.serverStream((request, signal) => jobs.watch(request, signal)),
    cancelAnalysis: handlers.unary(async ({ name }) => {
      const analysis = jobs.cancel(name);
      // A running one removes its records itself when it has ended.
      if (analysis.state === AnalysisState.CANCELLED)
        await removeSpool(spoolFolder, analysis.spec?.dataset?.files ?? []);
      return { analysis };
    }),
    downloadProfile: handlers.serverStream(({ name, offset }) => {
      const { uid, state } = jobs.get(name);
      if (state !== AnalysisState.SUCCEEDED) {
        throw new RpcError({
          code: grpcStatus.FAILED_PRECONDITION,
          reason: 'NOT_SUCCEEDED',
          message: `${name} has not succeeded, so it has no profile`,
        });
      }
      return downloadProfile(profileFile(config, uid), offset);
    }),
  };
  return {
    services: [
      {
        name: 'pemmican.vocabulary.v1.VocabularyAnalysisService',
        definition: VocabularyAnalysisServiceService,
        implementation: implementation,
        readMethods: ['GetAnalysis', 'ListAnalyses', 'WatchAnalysis', 'DownloadProfile'],
      },
      artifacts.hosted,
    ],
    close: async () => {
      await Promise.all([jobs.close(), artifacts.close()]);
    },
  };
}

function analysisKind(config: VocabularyAnalysisConfig, logger: Logger): JobKind<AnalysisTypes> {
  return {
    collection: 'analyses',
    specCodec: AnalysisSpec,
    resourceCodec: Analysis,
    watchMessageCodec: WatchAnalysisResponse,
    createResource: (fields: JobResource<AnalysisSpec, AnalysisProgress, AnalysisResult, AnalysisState>): Analysis =>
      Analysis.fromPartial(fields),
    validate: (spec) => Promise.resolve(validateAnalysisSpec(spec)),
    execute: async (context) => {
      const { spec, signal } = context;
      try {
        return await analysisJob(spec, config, {
          uid: context.uid,
          signal,
          onProgress: (progress) => {
            context.emit({ $case: 'progress', value: progress }, progress);
          },
        });
      } finally {
        // When the service stops, its next process needs the records.
        if (!(signal.aborted && signal.reason instanceof ServiceStoppingError))
          await removeSpool(spoolFolderOf(config), spec.dataset?.files ?? []);
      }
    },
    forget: ({ uid }) => rm(profileFile(config, uid), { force: true }),
    toStatus: (error) => toRpcError(error, ERROR_RULES, logger).toStatus(),
  };
}

function spoolFolderOf(config: VocabularyAnalysisConfig): string {
  return path.join(config.stateDirectory, 'records');
}

/** Files of the analyses that have not ended. */
function unfinishedFiles(jobs: JobService<AnalysisTypes>): DatasetFile[] {
  const files: DatasetFile[] = [];
  for (let pageToken = '', isLast = false; !isLast; isLast = pageToken === '') {
    const page = jobs.list({ pageSize: 1000, pageToken });
    for (const { state, spec } of page.resources)
      if (state < AnalysisState.SUCCEEDED) files.push(...(spec?.dataset?.files ?? []));
    pageToken = page.nextPageToken;
  }
  return files;
}
