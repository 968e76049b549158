import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import {
  ArtifactServiceClient,
  ArtifactServiceService as service,
  CreateUploadRequest,
  CreateUploadResponse,
  DeleteUploadResponse,
  FinishUploadResponse,
  GetUploadResponse,
  ReadArtifactResponse,
  Upload,
  WriteArtifactResponse,
  type ArtifactFile,
  type UploadedFile,
  type WriteArtifactRequest,
} from '@pemmican/contract/artifacts';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import { createLogger, startServer } from '@pemmican/rpc';
import { ArtifactRoots } from '@pemmican/storage';
import { callMethod } from '@pemmican/testkit';
import { createArtifactService, readArtifactSettings } from '../src/mod.ts';

export interface Folders {
  /** Removed at the end. */
  readonly work: string;
  /** The artifact root. */
  readonly root: string;
}

export function temporaryFolders(): Folders {
  const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'pemmican-artifacts-')));
  const root = path.join(work, 'root');
  mkdirSync(root);
  return { work, root };
}

export function removeFolders({ work }: Folders): void {
  rmSync(work, { recursive: true, force: true });
}

/** A server with nothing but artifacts, in this process. */
export interface ArtifactServer {
  readonly client: ArtifactServiceClient;
  /** Lines of its log. */
  readonly log: string[];
  close(): Promise<void>;
  /** Ends the service and not its server, so that calls under way are told. */
  closeService(): Promise<void>;
}

let serverCount = 0;

export async function startArtifacts(
  { work, root }: Folders,
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly roots?: ArtifactRoots;
    readonly sweepIntervalMs?: number;
  } = {},
): Promise<ArtifactServer> {
  const log: string[] = [];
  const logger = createLogger('test', 'error', (line) => void log.push(line));
  const artifacts = createArtifactService({
    roots: options.roots ?? ArtifactRoots.parse(root),
    stateDirectory: path.join(work, 'state'),
    settings: readArtifactSettings(options.environment ?? {}),
    logger,
    ...(options.sweepIntervalMs === undefined ? {} : { sweepIntervalMs: options.sweepIntervalMs }),
  });
  const listen = `unix:${path.join(work, `socket-${serverCount++}`)}`;
  const server = await startServer({
    services: [artifacts.hosted],
    listen,
    descriptorSet: readDescriptorSet(),
    logger,
  });
  const client = new ArtifactServiceClient(listen, credentials.createInsecure());
  return {
    client,
    log,
    closeService: () => artifacts.close(),
    close: async () => {
      client.close();
      await Promise.all([artifacts.close(), server.stop(500)]);
    },
  };
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Files by their names. */
export type Contents = Readonly<Record<string, Buffer>>;

export const someFiles = (): Contents => ({
  'config.json': Buffer.from('{}'),
  'empty.txt': Buffer.alloc(0),
  'onnx/model.bin': randomBytes(3_000_001),
});

export const announced = (contents: Contents): ArtifactFile[] =>
  Object.entries(contents).map(([fileName, bytes]) => ({
    fileName,
    sizeBytes: bytes.length,
    digest: digestOf(bytes),
  }));

async function only<Response>(answer: Promise<Buffer[]>, decode: (bytes: Buffer) => Response): Promise<Response> {
  const [bytes] = await answer;
  return decode(bytes ?? Buffer.alloc(0));
}

export async function createUpload({ client }: ArtifactServer, fields: Partial<CreateUploadRequest>): Promise<Upload> {
  const request = CreateUploadRequest.fromPartial(fields);
  const { upload } = await only(callMethod(client, service.createUpload, [request]), (bytes) =>
    CreateUploadResponse.decode(bytes),
  );
  return upload ?? Upload.create();
}

export async function getUpload({ client }: ArtifactServer, name: string): Promise<Upload> {
  const { upload } = await only(callMethod(client, service.getUpload, [{ name }]), (bytes) =>
    GetUploadResponse.decode(bytes),
  );
  return upload ?? Upload.create();
}

export async function finishUpload({ client }: ArtifactServer, name: string): Promise<Upload> {
  const { upload } = await only(callMethod(client, service.finishUpload, [{ name }]), (bytes) =>
    FinishUploadResponse.decode(bytes),
  );
  return upload ?? Upload.create();
}

export async function deleteUpload({ client }: ArtifactServer, name: string): Promise<void> {
  await only(callMethod(client, service.deleteUpload, [{ name }]), (bytes) => DeleteUploadResponse.decode(bytes));
}

export const targetMessage = (uploadName: string, fileName: string, offset: number): WriteArtifactRequest => ({
  content: { $case: 'target', value: { uploadName, fileName, offset } },
});

export const dataMessage = (bytes: Buffer): WriteArtifactRequest => ({ content: { $case: 'data', value: bytes } });

/** Sends bytes in one call. */
export async function writeFile(
  { client }: ArtifactServer,
  uploadName: string,
  fileName: string,
  offset: number,
  bytes: Buffer,
  chunkBytes = 100_000,
): Promise<UploadedFile> {
  const messages = [targetMessage(uploadName, fileName, offset)];
  for (let start = 0; start < bytes.length; start += chunkBytes)
    messages.push(dataMessage(bytes.subarray(start, start + chunkBytes)));
  const { file } = await only(callMethod(client, service.writeArtifact, messages), (answer) =>
    WriteArtifactResponse.decode(answer),
  );
  if (file === undefined) throw new Error('The answer has no file');
  return file;
}

/** An open call that writes: what it sends, and how it ends. */
export interface OpenWrite {
  readonly call: ReturnType<ArtifactServiceClient['writeArtifact']>;
  readonly outcome: Promise<ServiceError | undefined>;
}

export function openWrite({ client }: ArtifactServer): OpenWrite {
  const outcome = Promise.withResolvers<ServiceError | undefined>();
  const call = client.writeArtifact((error: ServiceError | null) => {
    outcome.resolve(error ?? undefined);
  });
  return { call, outcome: outcome.promise };
}

/** The whole upload of some files. */
export async function uploadAll(
  server: ArtifactServer,
  contents: Contents,
  fields: Partial<CreateUploadRequest> = {},
): Promise<Upload> {
  const { name } = await createUpload(server, { files: announced(contents), ...fields });
  for (const [fileName, bytes] of Object.entries(contents)) await writeFile(server, name, fileName, 0, bytes);
  return finishUpload(server, name);
}

/** What ReadArtifact gives: the announcement and the bytes. */
export async function readFile(
  { client }: ArtifactServer,
  artifactUri: string,
  fileName: string,
  offset = 0,
): Promise<{ readonly file: ArtifactFile | undefined; readonly bytes: Buffer; readonly offsets: number[] }> {
  const answers = (await callMethod(client, service.readArtifact, [{ artifactUri, fileName, offset }])).map((bytes) =>
    ReadArtifactResponse.decode(bytes),
  );
  return {
    file: answers[0]?.file,
    bytes: Buffer.concat(answers.map(({ data }) => data)),
    offsets: answers.slice(1).map((answer) => answer.offset),
  };
}

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean> | boolean, timeoutMs = 5000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds());) {
    if (Date.now() > deadline) throw new Error('It did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
