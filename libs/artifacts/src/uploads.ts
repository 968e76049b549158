import { createHash, randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import {
  CreateUploadRequest,
  type Upload,
  type WriteArtifactRequest,
  type WriteArtifactResponse,
  type WriteTarget,
} from '@pemmican/contract/artifacts';
import { RpcError, invalidArgument, notFound, serviceStopping, type Logger } from '@pemmican/rpc';
import {
  localPath,
  prepareDestination,
  recoverFolder,
  withStorageErrors,
  type ArtifactRoots,
  type OnLeft,
} from '@pemmican/storage';
import type { FileDigests } from './file-digests.ts';
import { MAX_WRITE_CHUNK_BYTES } from './limits.ts';
import type { ArtifactSettings } from './settings.ts';
import { UploadRecords, type UploadRecord } from './upload-record.ts';
import { COLLECTION, UploadSession } from './upload-session.ts';
import { validateCreateUpload } from './validate-upload.ts';

/** Folder below the first artifact root that the service chooses places in. */
const CHOSEN_FOLDER = 'pemmican-uploads';

/** How a transfer goes on that the service's end has cut off. */
export const STOPPING_ADVICE = 'go on when it is back';

const RETRY_DELAY_MS = 30_000;
const SWEEP_INTERVAL_MS = 60_000;

export interface UploadsOptions {
  /** Folder of the records. */
  readonly stateFolder: string;
  readonly roots: ArtifactRoots;
  readonly settings: ArtifactSettings;
  readonly digests: FileDigests;
  readonly logger: Logger;
  /** Between looks for what has expired. */
  readonly sweepIntervalMs?: number;
}

/** All uploads of a service. They outlive its process: those that are not finished go on with the next one. */
export class Uploads {
  readonly #options: UploadsOptions;
  readonly #records: UploadRecords;
  readonly #sessions = new Map<string, UploadSession>();
  readonly #timer: NodeJS.Timeout;
  readonly #ready: Promise<void>;
  /** The last call of each request id that is under way. */
  readonly #creations = new Map<string, Promise<Upload>>();
  /** Uploads that are being made. */
  #openingCount = 0;
  #isClosed = false;

  constructor(options: UploadsOptions) {
    this.#options = options;
    this.#records = new UploadRecords(options.stateFolder);
    const stored = this.#records.load((file, error) => {
      options.logger.error('the record of an upload cannot be read', { file, error: String(error) });
    });
    for (const { record, activeTimeMs } of stored)
      this.#sessions.set(record.id, new UploadSession(record, activeTimeMs, options.settings));
    this.#ready = this.#recover().then(() => this.#sweep());
    this.#timer = setInterval(
      () => void this.#ready.then(() => this.#sweep()),
      options.sweepIntervalMs ?? SWEEP_INTERVAL_MS,
    ).unref();
  }

  /** @throws RpcError; StorageError */
  async create(request: CreateUploadRequest): Promise<Upload> {
    validateCreateUpload(request, this.#options.settings);
    await this.#ready;
    const { requestId } = request;
    const create = (): Promise<Upload> => this.#createNext(request);
    if (requestId === '') return create();
    // One after another: two with one request id make one upload. Others do not wait: what was made earlier may be read in whole.
    const creation = (this.#creations.get(requestId) ?? Promise.resolve()).then(create, create);
    this.#creations.set(requestId, creation);
    try {
      return await creation;
    } finally {
      if (this.#creations.get(requestId) === creation) this.#creations.delete(requestId);
    }
  }

  /**
   * To ask for a finished upload is to use it: what reads the artifact may go on for longer than it is kept. One that is not
   * finished is kept by the bytes that come.
   * @throws RpcError NOT_FOUND
   */
  async get(name: string): Promise<Upload> {
    const session = await this.#find(name);
    if (session.isFinished) await this.#use(session);
    return session.toMessage();
  }

  /** @throws RpcError; StorageError */
  async write(requests: AsyncIterable<WriteArtifactRequest>): Promise<WriteArtifactResponse> {
    const messages = requests[Symbol.asyncIterator]();
    const { uploadName, fileName, offset } = await firstTarget(messages);
    const session = await this.#find(uploadName);
    const index = session.indexOf(fileName);
    if (index === undefined) throw invalid('target.file_name', `the upload has no file ${JSON.stringify(fileName)}`);
    if (session.isFinished) throw finished(session.name);
    try {
      return { file: await session.write(index, offset, dataOf(messages)) };
    } finally {
      if (this.#sessions.has(session.record.id)) await this.#records.touch(session.record.id, session.activeTimeMs);
    }
  }

  /** @throws RpcError; StorageError */
  async finish(name: string): Promise<Upload> {
    const session = await this.#find(name);
    await session.serially(async () => {
      if (!this.#sessions.has(session.record.id)) throw notFound(COLLECTION, name);
      if (session.isFinished) return;
      const missing = await session.missingFiles();
      if (missing.length > 0) throw incomplete(name, missing);
      // Links may have changed since the upload began.
      this.#checkPlace(session.record.path);
      await session.folder.putInPlace(this.#onLeft);
      await this.#setFinished(session);
      await session.folder.remove().catch((error: unknown) => {
        this.#logTrouble('what a finished upload has left cannot be removed', session, error);
      });
    });
    return session.toMessage();
  }

  /** @throws RpcError NOT_FOUND; StorageError */
  async delete(name: string): Promise<void> {
    await this.#remove(await this.#find(name));
  }

  /** Ends calls that write; uploads go on with the next process. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#ready;
    await Promise.all(
      [...this.#sessions.values()].map((session) => session.stopWriters(serviceStopping(STOPPING_ADVICE))),
    );
  }

  async #find(name: string): Promise<UploadSession> {
    await this.#ready;
    const [collection, id = '', ...rest] = name.split('/');
    const session = collection === COLLECTION && rest.length === 0 ? this.#sessions.get(id) : undefined;
    if (session === undefined || session.isRemoved || session.expireTimeMs < Date.now())
      throw notFound(COLLECTION, name);
    return session;
  }

  async #createNext(request: CreateUploadRequest): Promise<Upload> {
    const requestDigest = createHash('sha256').update(CreateUploadRequest.encode(request).finish()).digest('hex');
    const earlier = await this.#createdBy(request.requestId, requestDigest);
    if (earlier !== undefined) return earlier.toMessage();
    this.#checkCounts();
    this.#openingCount++;
    let session: UploadSession;
    try {
      session = await this.#open(request, requestDigest);
      this.#sessions.set(session.record.id, session);
    } finally {
      this.#openingCount--;
    }
    return session.toMessage();
  }

  #checkCounts(): void {
    const { maxOpenUploads, maxKeptUploads, expiryMs } = this.#options.settings;
    const now = Date.now();
    const kept = [...this.#sessions.values()].filter(({ expireTimeMs }) => expireTimeMs >= now);
    const openCount = this.#openingCount + kept.filter(({ isFinished }) => !isFinished).length;
    if (openCount >= maxOpenUploads)
      throw tooManyUploads(
        `${openCount} uploads are open, at most ${maxOpenUploads} may be; finish or delete one`,
        maxOpenUploads,
        RETRY_DELAY_MS,
      );
    const keptCount = this.#openingCount + kept.length;
    if (keptCount >= maxKeptUploads) {
      // What is being opened has no expiry yet; it will have this one, or a later one.
      const firstExpiryMs = kept.reduce((first, { expireTimeMs }) => Math.min(first, expireTimeMs), now + expiryMs);
      throw tooManyUploads(
        `${keptCount} uploads, finished ones among them, are kept, at most ${maxKeptUploads} may be; one that is deleted or ` +
          'expires makes room, and an artifact at a place that the service chose goes with it',
        maxKeptUploads,
        Math.max(RETRY_DELAY_MS, firstExpiryMs - now),
      );
    }
  }

  async #open(request: CreateUploadRequest, requestDigest: string): Promise<UploadSession> {
    const id = randomUUID();
    const isPlaceChosen = request.artifactUri === '';
    const artifactUri = isPlaceChosen ? this.#chosenPlace(id) : localPath(request.artifactUri);
    this.#checkPlace(artifactUri);
    const expectedBytes = request.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const { overwrite, requestId } = request;
    const record: UploadRecord = {
      id,
      artifactUri,
      path: await prepareDestination(artifactUri, { overwrite, expectedBytes }),
      isPlaceChosen,
      overwrite,
      requestId,
      requestDigest,
      files: request.files.map(({ fileName, sizeBytes, digest }) => ({ fileName, sizeBytes, digest })),
      createTimeMs: Date.now(),
    };
    this.#checkPlace(record.path);
    const session = new UploadSession(record, record.createTimeMs, this.#options.settings);
    // The record first: a folder that no record tells of would stay for ever.
    await this.#records.save(record);
    try {
      await session.folder.create();
    } catch (error) {
      await this.#records.remove(id);
      throw error;
    }
    return session;
  }

  /** What an earlier call with the same id made, if what it made is still there. */
  async #createdBy(requestId: string, requestDigest: string): Promise<UploadSession | undefined> {
    if (requestId === '') return undefined;
    const session = [...this.#sessions.values()].find(({ record }) => record.requestId === requestId);
    if (session === undefined) return undefined;
    if (session.record.requestDigest !== requestDigest)
      throw new RpcError({
        code: grpcStatus.ALREADY_EXISTS,
        reason: 'REQUEST_ID_REUSED',
        message: `request_id "${requestId}" was used with another request`,
        metadata: { requestId },
      });
    if (!session.isRemoved && session.expireTimeMs >= Date.now()) {
      // Before its files are read, which may take longer than it is kept.
      await this.#use(session);
      if (!session.isFinished || (await this.#isUnchanged(session.record))) return session;
    }
    await this.#remove(session);
    return undefined;
  }

  /** Whether all files are what was uploaded. */
  async #isUnchanged(record: UploadRecord): Promise<boolean> {
    if (!(await isInPlace(record))) return false;
    for (const { fileName, digest } of record.files) {
      const file = path.join(record.path, fileName);
      const found = await withStorageErrors(path.join(record.artifactUri, fileName), async () =>
        this.#options.digests.digestOf(file, await stat(file, { bigint: true })),
      );
      if (found !== digest) return false;
    }
    return true;
  }

  /** The folder of an artifact and the one that it is made in must lie below the roots. */
  #checkPlace(place: string): void {
    this.#options.roots.check(place);
    this.#options.roots.check(path.dirname(place));
  }

  #chosenPlace(id: string): string {
    const [root] = this.#options.roots.folders;
    if (root === undefined) throw invalid('artifact_uri', 'must be set: no folder is among the roots of this service');
    return path.join(root, CHOSEN_FOLDER, id);
  }

  /** Begins the time anew in which an upload is kept. */
  async #use(session: UploadSession): Promise<void> {
    session.activeTimeMs = Date.now();
    await this.#records.touch(session.record.id, session.activeTimeMs);
  }

  async #setFinished(session: UploadSession): Promise<void> {
    session.record.endTimeMs = Date.now();
    session.activeTimeMs = session.record.endTimeMs;
    await this.#records.save(session.record);
  }

  /** Takes up what the last process was doing when it ended. Never rejects: one upload's trouble is not the others'. */
  async #recover(): Promise<void> {
    for (const session of this.#sessions.values())
      await this.#takeUp(session).catch((error: unknown) => {
        this.#logTrouble('an upload cannot be taken up', session, error);
      });
  }

  async #takeUp(session: UploadSession): Promise<void> {
    if (session.isFinished || this.#isClosed) return;
    // The record's time is that of the last call that ended: one under way may have received bytes for hours since.
    session.activeTimeMs = Math.max(session.activeTimeMs, await session.folder.lastWriteTimeMs());
    if (await session.folder.isThere()) return;
    // It ended between giving the artifact its name and saying so; or while it did that, or somebody has removed the folder: what
    // is at the place may be another artifact, whose files can have the same sizes.
    let isDone = false;
    try {
      await recoverFolder(session.record.path, this.#onLeft);
      isDone = await this.#isUnchanged(session.record);
    } catch (error) {
      this.#logTrouble('what an upload has put in place cannot be read', session, error);
    }
    if (isDone) await this.#setFinished(session);
    else await session.folder.create();
  }

  /** Removes what has expired. Never rejects: what cannot be removed is tried again. */
  async #sweep(): Promise<void> {
    for (const session of this.#sessions.values()) {
      if (this.#isClosed || session.expireTimeMs >= Date.now()) continue;
      const { logger } = this.#options;
      await this.#remove(session).then(
        () => {
          logger.info('removed an expired upload', { upload: session.name });
        },
        (error: unknown) => {
          this.#logTrouble('an expired upload cannot be removed', session, error);
        },
      );
    }
  }

  readonly #onLeft: OnLeft = (folder, error) => {
    this.#options.logger.error('a folder that was replaced cannot be removed', { folder, error: String(error) });
  };

  #logTrouble(message: string, { name }: UploadSession, error: unknown): void {
    this.#options.logger.error(message, { upload: name, error: String(error) });
  }

  async #remove(session: UploadSession): Promise<void> {
    const { id, artifactUri, path: place, isPlaceChosen } = session.record;
    session.isRemoved = true;
    try {
      await session.stopWriters(notFound(COLLECTION, session.name));
      await session.serially(async () => {
        await session.folder.remove();
        if (isPlaceChosen && session.isFinished)
          await withStorageErrors(artifactUri, () => rm(place, { recursive: true, force: true }));
        await this.#records.remove(id);
        this.#sessions.delete(id);
      });
    } catch (error) {
      // It can be asked for again.
      session.isRemoved = false;
      throw error;
    }
  }
}

/** Whether all files are where they belong, by their sizes. */
async function isInPlace({ path: place, files }: UploadRecord): Promise<boolean> {
  for (const { fileName, sizeBytes } of files) {
    const size = await stat(path.join(place, fileName)).then(
      (status) => (status.isFile() ? status.size : undefined),
      () => undefined,
    );
    if (size !== sizeBytes) return false;
  }
  return true;
}

async function firstTarget(messages: AsyncIterator<WriteArtifactRequest>): Promise<WriteTarget> {
  const first = await messages.next();
  const content = first.done === true ? undefined : first.value.content;
  if (content?.$case !== 'target') throw invalid('target', 'must be set in the first message');
  const { offset } = content.value;
  if (offset < 0) throw invalid('target.offset', `is ${offset}, must not be negative`);
  return content.value;
}

async function* dataOf(messages: AsyncIterator<WriteArtifactRequest>): AsyncGenerator<Uint8Array, void, undefined> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    const { content } = next.value;
    if (content?.$case !== 'data') throw invalid('data', 'must be set in every message but the first');
    if (content.value.length > MAX_WRITE_CHUNK_BYTES)
      throw invalid('data', `has ${content.value.length} bytes, at most ${MAX_WRITE_CHUNK_BYTES} are allowed`);
    yield content.value;
  }
}

function invalid(field: string, description: string): RpcError {
  return invalidArgument([{ field, description }]);
}

function finished(name: string): RpcError {
  return new RpcError({
    code: grpcStatus.FAILED_PRECONDITION,
    reason: 'ALREADY_FINAL',
    message: `${name} is finished`,
    resource: { type: COLLECTION, name },
  });
}

function incomplete(name: string, missing: readonly string[]): RpcError {
  const [first = ''] = missing;
  return new RpcError({
    code: grpcStatus.FAILED_PRECONDITION,
    reason: 'UPLOAD_INCOMPLETE',
    message: `${name}: ${missing.length} file${missing.length === 1 ? ' is' : 's are'} not whole, the first is ${first}`,
    metadata: { file: first, fileCount: String(missing.length) },
  });
}

function tooManyUploads(message: string, limit: number, retryDelayMs: number): RpcError {
  return new RpcError({
    code: grpcStatus.RESOURCE_EXHAUSTED,
    reason: 'TOO_MANY_UPLOADS',
    message,
    metadata: { limit: String(limit) },
    retryDelayMs,
  });
}
