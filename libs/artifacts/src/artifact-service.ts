import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import { ArtifactServiceService, type ArtifactServiceServer } from '@pemmican/contract/artifacts';
import { Handlers, RpcError, serviceStopping, type HostedService, type Logger } from '@pemmican/rpc';
import type { ArtifactRoots } from '@pemmican/storage';
import { FileDigests } from './file-digests.ts';
import { describeArtifact, listArtifactFiles } from './list-artifact.ts';
import { readArtifact } from './read-artifact.ts';
import type { ArtifactSettings } from './settings.ts';
import { ERROR_RULES } from './status.ts';
import { STOPPING_ADVICE, Uploads } from './uploads.ts';

export interface ArtifactServiceOptions {
  /** The only folders that callers may read and write. Where none are set, all calls are refused. */
  readonly roots: ArtifactRoots;
  /** Folder that keeps the service's state. */
  readonly stateDirectory: string;
  readonly settings: ArtifactSettings;
  readonly logger: Logger;
  /** Between looks for uploads that have expired. */
  readonly sweepIntervalMs?: number;
}

/** The service, ready to be put on a server beside the one that its artifacts are for. */
export interface ArtifactService {
  readonly hosted: HostedService;
  /** Ends calls that are under way; uploads go on when the service starts again. */
  close(): Promise<void>;
}

export function createArtifactService(options: ArtifactServiceOptions): ArtifactService {
  const { roots, logger } = options;
  const stopping = new AbortController();
  const digests = new FileDigests();
  // Where everything is refused nothing needs to be kept.
  const uploads = roots.areSet
    ? new Uploads({ ...options, digests, stateFolder: path.join(options.stateDirectory, 'uploads') })
    : undefined;
  const opened = (): Uploads => uploads ?? refuse();
  const handlers = new Handlers({
    rules: ERROR_RULES,
    logger,
    guard: (request) => {
      opened();
      roots.checkRequest(request);
    },
  });
  const implementation: ArtifactServiceServer = {
    createUpload: handlers.unary(async (request) => ({ upload: await opened().create(request) })),
    getUpload: handlers.unary(async ({ name }) => ({ upload: await opened().get(name) })),
    writeArtifact: handlers.clientStream((requests) => opened().write(requests)),
    finishUpload: handlers.unary(async ({ name }) => ({ upload: await opened().finish(name) })),
    deleteUpload: handlers.unary(async ({ name }) => {
      await opened().delete(name);
      return {};
    }),
    getArtifact: handlers.unary(async ({ artifactUri }) => ({ artifact: await describeArtifact(artifactUri, roots) })),
    listArtifactFiles: handlers.unary((request) => listArtifactFiles(request, roots)),
    readArtifact: handlers.serverStream((request, signal) =>
      readArtifact(request, { roots, digests }, AbortSignal.any([signal, stopping.signal])),
    ),
  };
  return {
    hosted: {
      name: 'pemmican.artifacts.v1.ArtifactService',
      definition: ArtifactServiceService,
      implementation,
      readMethods: ['GetUpload', 'GetArtifact', 'ListArtifactFiles', 'ReadArtifact'],
    },
    close: async () => {
      stopping.abort(serviceStopping(STOPPING_ADVICE));
      await uploads?.close();
    },
  };
}

/** Files are read and written by whoever may call: without roots that would be every file of the service's user. */
function refuse(): never {
  throw new RpcError({
    code: grpcStatus.FAILED_PRECONDITION,
    reason: 'ARTIFACT_ROOTS_MISSING',
    message: 'This service was not told which folders callers may use; PEMMICAN_ARTIFACT_ROOTS names them',
  });
}
