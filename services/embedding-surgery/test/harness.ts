import { credentials } from '@grpc/grpc-js';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import {
  CreateSurgeryRequest,
  EmbeddingSurgeryServiceClient,
  Surgery,
  SurgeryState,
  type SurgerySpec,
  type WatchSurgeryResponse,
} from '@pemmican/contract/surgery';
import { createLogger, startServer } from '@pemmican/rpc';
import { writeSafetensors, type TensorEntry } from '@pemmican/safetensors';
import { ArtifactRoots } from '@pemmican/storage';
import { forkService, describeStatus, type Failure } from '@pemmican/testkit';
import { createEmbeddingSurgeryService, readConfig } from '../src/mod.ts';
import type { SurgeryHooks } from '../src/surgery-hooks.ts';

export const REPOSITORY = path.resolve(import.meta.dirname, '../../..');

/** A folder that is removed after the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-surgery-'));
  context.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** What a job is given that is called without a service. */
export function surgeryHooks(changes: Partial<SurgeryHooks> = {}): SurgeryHooks {
  return {
    signal: new AbortController().signal,
    hub: { cacheFolder: '/nonexistent' },
    artifactRoots: ArtifactRoots.everywhere,
    isRecovered: false,
    onProgress: () => undefined,
    ...changes,
  };
}

/** Writes the folder of an adapter: what its config says, and its tensors. */
export async function writeAdapter(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  tensors: readonly TensorEntry[],
): Promise<void> {
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify(config));
  const parts: Uint8Array[] = [];
  await writeSafetensors(
    { name: 'adapter_model.safetensors', write: (bytes) => Promise.resolve(void parts.push(bytes.slice())) },
    tensors,
  );
  writeFileSync(path.join(folder, 'adapter_model.safetensors'), Buffer.concat(parts));
}

/** The service on a socket of its own, in this process. */
export async function startService(context: TestContext, folder: string): Promise<EmbeddingSurgeryServiceClient> {
  const listen = `unix:${path.join(folder, 'socket')}`;
  const service = createEmbeddingSurgeryService(
    readConfig({
      PEMMICAN_LISTEN: listen,
      PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
      PEMMICAN_LOG_LEVEL: 'silent',
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

export function connect(address: string): EmbeddingSurgeryServiceClient {
  return new EmbeddingSurgeryServiceClient(address, credentials.createInsecure());
}

/** The service in a process of its own, as it is deployed. */
export async function startProcess(folder: string): Promise<{ child: ChildProcess; address: string }> {
  const { child, listening } = forkService('embedding-surgery', {
    PEMMICAN_LISTEN: `unix:${path.join(folder, 'socket')}`,
    PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
    PEMMICAN_MAX_CONCURRENT_JOBS: '1',
  });
  return { child, address: await listening };
}

export function createSurgery(
  client: EmbeddingSurgeryServiceClient,
  spec: SurgerySpec,
  options: { validateOnly?: boolean } = {},
): Promise<Surgery> {
  return new Promise((resolve, reject) => {
    client.createSurgery(CreateSurgeryRequest.create({ spec, ...options }), (error, response) => {
      if (error === null) resolve(response.surgery ?? Surgery.create());
      else reject(error);
    });
  });
}

/** Every event of a surgery, until it is final. */
export async function watchSurgery(
  client: EmbeddingSurgeryServiceClient,
  name: string,
): Promise<WatchSurgeryResponse[]> {
  const events: WatchSurgeryResponse[] = [];
  for await (const event of client.watchSurgery({ name, resumeToken: '' })) events.push(event as WatchSurgeryResponse);
  return events;
}

/** Runs a surgery to its end. */
export async function runSurgery(client: EmbeddingSurgeryServiceClient, spec: SurgerySpec): Promise<Surgery> {
  const { name } = await createSurgery(client, spec);
  const last = (await watchSurgery(client, name)).at(-1)?.event;
  if (last?.$case !== 'stateChange') throw new Error('The last event is no change of state');
  return last.value;
}

/** Code, reason, metadata and message of what a surgery ended with. */
export function failureOf(surgery: Surgery): Failure {
  if (surgery.state !== SurgeryState.FAILED || surgery.error === undefined)
    throw new Error(`State is ${surgery.state}`);
  return describeStatus(surgery.error);
}

/** Specs in short. */
export function reduceSpec(fields: {
  modelUri: string;
  outputUri: string;
  keptTokenIds?: number[];
  profileUri?: string;
  padToMultipleOf?: number;
  exportTokenizer?: boolean;
  overwrite?: boolean;
}): SurgerySpec {
  const { keptTokenIds, profileUri, ...others } = fields;
  const vocabulary =
    profileUri === undefined
      ? { $case: 'keptTokenIds' as const, value: { fullTokenIds: keptTokenIds ?? [] } }
      : { $case: 'profileUri' as const, value: profileUri };
  return {
    operation: {
      $case: 'reduce',
      value: {
        padToMultipleOf: 0,
        exportTokenizer: false,
        overwrite: false,
        restrictOutput: false,
        ...others,
        vocabulary,
      },
    },
  };
}

export function restoreSpec(fields: {
  modelUri: string;
  trainedUri: string;
  outputUri: string;
  unusedRowDecay?: boolean;
  overwrite?: boolean;
}): SurgerySpec {
  return { operation: { $case: 'restore', value: { unusedRowDecay: false, overwrite: false, ...fields } } };
}
