import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import { RpcError } from '@pemmican/rpc';
import { putFolderInPlace, syncFolder, withStorageErrors, type OnLeft } from '@pemmican/storage';
import type { UploadRecord } from './upload-record.ts';

const REHASH_BYTES = 1024 * 1024;

export type AnnouncedFile = UploadRecord['files'][number];

/** How much of a file is there. */
export interface FileState {
  readonly committedBytes: number;
  readonly isWhole: boolean;
}

/**
 * The bytes of one upload, in a hidden folder beside the artifact's: `partial/INDEX` while they come, `whole/NAME` when all of a file
 * is there and has its digest. What a file has is its size on the disk, so that nothing needs to be recovered after a crash.
 */
export class UploadFolder {
  readonly #record: UploadRecord;
  readonly #folder: string;
  /** Digests of what has come so far, by the files' index: a call that goes on need not read it again. */
  readonly #hashes = new Map<number, { readonly hash: Hash; bytes: number }>();

  constructor(record: UploadRecord) {
    this.#record = record;
    this.#folder = path.join(path.dirname(record.path), `.pemmican-upload-${record.id}`);
  }

  /** Makes the folder where it is not there. */
  async create(): Promise<void> {
    await withStorageErrors(this.#record.path, async () => {
      for (const name of ['partial', 'whole']) await mkdir(path.join(this.#folder, name), { recursive: true });
    });
  }

  /** Whether the whole files have not been moved to their final place. */
  async isThere(): Promise<boolean> {
    return stat(path.join(this.#folder, 'whole')).then(
      () => true,
      () => false,
    );
  }

  async stateOf(index: number): Promise<FileState> {
    const whole = await sizeOf(this.#wholeName(index));
    if (whole !== undefined) return { committedBytes: whole, isWhole: true };
    return { committedBytes: (await sizeOf(this.#partialName(index))) ?? 0, isWhole: false };
  }

  /**
   * Writes chunks that follow what is there. The last byte makes the file whole.
   * @param signal ends the reading of what is there; the chunks end by themselves
   * @throws RpcError ABORTED, OUT_OF_RANGE, DATA_LOSS; StorageError DISK_FULL, ...; what the chunks' iteration throws; the signal's
   *   reason
   */
  async receive(
    index: number,
    offset: number,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<FileState> {
    const announced = this.#fileOf(index);
    const { committedBytes, isWhole } = await this.stateOf(index);
    if (offset !== committedBytes) throw wrongOffset(announced, offset, committedBytes);
    if (isWhole) {
      for await (const chunk of chunks) checkRoom(announced, offset, chunk);
      return { committedBytes, isWhole };
    }
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const handle = await this.#told(announced, () => open(this.#partialName(index), flags));
    try {
      const received = await this.#append(index, handle, offset, chunks, signal);
      if (received < announced.sizeBytes) return { committedBytes: received, isWhole: false };
      await this.#complete(index, handle);
      return { committedBytes: received, isWhole: true };
    } finally {
      await handle.close();
    }
  }

  /**
   * Gives the folder of whole files its final name. The rest of this folder stays: the upload is finished whether it can be removed
   * or not.
   * @param onLeft told of what was replaced where it cannot be removed
   * @throws StorageError DESTINATION_EXISTS, ...
   */
  async putInPlace(onLeft: OnLeft): Promise<void> {
    const { artifactUri, path: destination, overwrite } = this.#record;
    const whole = path.join(this.#folder, 'whole');
    const folders = new Set([whole]);
    for (const index of this.#record.files.keys())
      for (let place = path.dirname(this.#wholeName(index)); !folders.has(place); place = path.dirname(place))
        folders.add(place);
    await withStorageErrors(artifactUri, async () => {
      // Deepest first: a folder's entry is durable only when its parent has been flushed.
      for (const folder of [...folders].sort().reverse()) await syncFolder(folder);
    });
    await putFolderInPlace(whole, destination, { name: artifactUri, overwrite, onLeft });
  }

  /** When bytes last came or a file became whole; 0 where nothing is there. */
  async lastWriteTimeMs(): Promise<number> {
    const partial = path.join(this.#folder, 'partial');
    const names = await readdir(partial).catch(() => []);
    const times = [partial, ...names.map((name) => path.join(partial, name))].map((place) =>
      stat(place).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    );
    return Math.max(...(await Promise.all(times)));
  }

  /** Removes all that was received and is not in place. */
  async remove(): Promise<void> {
    this.#hashes.clear();
    await withStorageErrors(this.#record.artifactUri, () => rm(this.#folder, { recursive: true, force: true }));
  }

  /** @returns bytes of the file once the chunks have ended */
  async #append(
    index: number,
    handle: FileHandle,
    offset: number,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<number> {
    const announced = this.#fileOf(index);
    const known = this.#hashes.get(index);
    const received = known?.bytes === offset ? known : { hash: await hashOf(handle, offset, signal), bytes: offset };
    this.#hashes.set(index, received);
    for await (const chunk of chunks) {
      checkRoom(announced, received.bytes, chunk);
      await this.#told(announced, () => writeAll(handle, chunk, received.bytes));
      received.hash.update(chunk);
      received.bytes += chunk.length;
    }
    return received.bytes;
  }

  async #complete(index: number, handle: FileHandle): Promise<void> {
    const announced = this.#fileOf(index);
    const digest = `sha256:${this.#hashes.get(index)?.hash.digest('hex') ?? ''}`;
    this.#hashes.delete(index);
    if (digest !== announced.digest) {
      await this.#told(announced, () => handle.truncate(0));
      throw new RpcError({
        code: grpcStatus.DATA_LOSS,
        reason: 'DIGEST_MISMATCH',
        message: `${announced.fileName}: what arrived has the digest ${digest}, announced was ${announced.digest}; it was thrown away`,
        metadata: { file: announced.fileName, expected: announced.digest, actual: digest },
      });
    }
    await this.#told(announced, async () => {
      await handle.sync();
      await mkdir(path.dirname(this.#wholeName(index)), { recursive: true });
      await rename(this.#partialName(index), this.#wholeName(index));
    });
  }

  #fileOf(index: number): AnnouncedFile {
    const file = this.#record.files[index];
    if (file === undefined) throw new RangeError(`The upload has no file ${index}`);
    return file;
  }

  #partialName(index: number): string {
    return path.join(this.#folder, 'partial', String(index));
  }

  #wholeName(index: number): string {
    return path.join(this.#folder, 'whole', this.#fileOf(index).fileName);
  }

  /** Errors name the file that the client knows. */
  #told<Result>({ fileName }: AnnouncedFile, action: () => Promise<Result>): Promise<Result> {
    return withStorageErrors(path.join(this.#record.artifactUri, fileName), action);
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** Of the first bytes of a file, which an earlier call or process has written. */
async function hashOf(handle: FileHandle, byteCount: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(Math.min(REHASH_BYTES, byteCount));
  for (let position = 0; position < byteCount;) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, byteCount - position), position);
    if (bytesRead === 0) throw new Error(`A file of an upload ended at byte ${position}, it had ${byteCount}`);
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return hash;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

function checkRoom({ fileName, sizeBytes }: AnnouncedFile, position: number, chunk: Uint8Array): void {
  if (position + chunk.length <= sizeBytes) return;
  throw new RpcError({
    code: grpcStatus.OUT_OF_RANGE,
    reason: 'FILE_TOO_LONG',
    message: `${fileName}: byte ${position + chunk.length} came, ${sizeBytes} were announced`,
    metadata: { file: fileName, limit: String(sizeBytes), value: String(position + chunk.length) },
  });
}

function wrongOffset({ fileName }: AnnouncedFile, offset: number, committedBytes: number): RpcError {
  return new RpcError({
    code: grpcStatus.ABORTED,
    reason: 'OFFSET_MISMATCH',
    message: `${fileName}: ${committedBytes} bytes are there, so that the next ones cannot begin at ${offset}`,
    metadata: { file: fileName, committedBytes: String(committedBytes) },
  });
}
