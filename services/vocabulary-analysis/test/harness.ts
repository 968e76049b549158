import { credentials } from '@grpc/grpc-js';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import {
  Analysis,
  AnalysisSpec,
  AnalysisState,
  CreateAnalysisRequest,
  VocabularyAnalysisServiceClient,
  type DatasetFormat,
  type DatasetSpec,
  type DownloadProfileResponse,
  type Split,
  type WatchAnalysisResponse,
} from '@pemmican/contract/vocabulary';
import { createLogger, startServer } from '@pemmican/rpc';
import { forkService, describeStatus, type Failure } from '@pemmican/testkit';
import { createVocabularyAnalysisService, readConfig } from '../src/mod.ts';

export const REPOSITORY = path.resolve(import.meta.dirname, '../../..');

/** A folder that is removed after the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-analysis-'));
  context.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** The service on a socket of its own, in this process. */
export async function startService(
  context: TestContext,
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<VocabularyAnalysisServiceClient> {
  const listen = `unix:${path.join(folder, 'socket')}`;
  const service = createVocabularyAnalysisService(
    readConfig({
      PEMMICAN_LISTEN: listen,
      PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
      PEMMICAN_LOG_LEVEL: 'error',
      ...environment,
    }),
  );
  const server = await startServer({
    services: service.services,
    listen,
    descriptorSet: readDescriptorSet(),
    logger: createLogger('test', 'silent'),
  });
  const client = connect(listen);
  context.after(async () => {
    client.close();
    await Promise.all([service.close(), server.stop(1000)]);
  });
  return client;
}

export function connect(address: string): VocabularyAnalysisServiceClient {
  return new VocabularyAnalysisServiceClient(address, credentials.createInsecure());
}

/** The service in a process of its own, as it is deployed. */
export async function startProcess(folder: string): Promise<{ child: ChildProcess; address: string }> {
  const { child, listening } = forkService('vocabulary-analysis', {
    PEMMICAN_LISTEN: `unix:${path.join(folder, 'socket')}`,
    PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
    PEMMICAN_MAX_CONCURRENT_JOBS: '1',
  });
  return { child, address: await listening };
}

export function createAnalysis(
  client: VocabularyAnalysisServiceClient,
  spec: AnalysisSpec | undefined,
  options: { validateOnly?: boolean; requestId?: string } = {},
): Promise<Analysis> {
  return new Promise((resolve, reject) => {
    client.createAnalysis({ ...CreateAnalysisRequest.create(options), spec }, (error, response) => {
      if (error === null) resolve(response.analysis ?? Analysis.create());
      else reject(error);
    });
  });
}

export function getAnalysis(
  client: VocabularyAnalysisServiceClient,
  name: string,
  readMask?: string[],
): Promise<Analysis> {
  return new Promise((resolve, reject) => {
    client.getAnalysis({ name, readMask }, (error, response) => {
      if (error === null) resolve(response.analysis ?? Analysis.create());
      else reject(error);
    });
  });
}

/** Every event of an analysis, until it is final. */
export async function watchAnalysis(
  client: VocabularyAnalysisServiceClient,
  name: string,
  resumeToken = '',
): Promise<WatchAnalysisResponse[]> {
  const events: WatchAnalysisResponse[] = [];
  for await (const event of client.watchAnalysis({ name, resumeToken })) events.push(event as WatchAnalysisResponse);
  return events;
}

/** Runs an analysis to its end. */
export async function runAnalysis(client: VocabularyAnalysisServiceClient, spec: AnalysisSpec): Promise<Analysis> {
  const { name } = await createAnalysis(client, spec);
  const last = (await watchAnalysis(client, name)).at(-1)?.event;
  if (last?.$case !== 'stateChange') throw new Error('The last event is no change of state');
  return last.value;
}

export async function downloadProfile(
  client: VocabularyAnalysisServiceClient,
  name: string,
  offset = 0,
): Promise<DownloadProfileResponse[]> {
  const chunks: DownloadProfileResponse[] = [];
  for await (const chunk of client.downloadProfile({ name, offset })) chunks.push(chunk as DownloadProfileResponse);
  return chunks;
}

/** What an analysis ended with. */
export function failureOf(analysis: Analysis): Failure {
  if (analysis.state !== AnalysisState.FAILED || analysis.error === undefined)
    throw new Error(`State is ${analysis.state}`);
  return describeStatus(analysis.error);
}

export interface FileOptions {
  readonly split: Split;
  readonly uri: string;
  readonly format?: DatasetFormat;
}

/** A spec with everything but files and model left at its default. */
export function analysisSpec(
  modelUri: string,
  files: readonly FileOptions[],
  fields: Partial<Omit<AnalysisSpec, 'dataset'>> & { dataset?: Partial<DatasetSpec> } = {},
): AnalysisSpec {
  const { dataset, ...others } = fields;
  return AnalysisSpec.fromPartial({ modelUri, dataset: { files: [...files], ...dataset }, ...others });
}
