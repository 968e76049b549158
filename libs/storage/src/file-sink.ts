import { open, type FileHandle } from 'node:fs/promises';

import type { ByteSink } from '@pemmican/safetensors';

import { storageError } from './error.ts';

// Biases and headers come in by the kilobyte: one system call for many of them.
const BUFFER_BYTES = 1024 * 1024;

// Dirty pages that are written back while the rest is still being produced are not waited for at the end. Each write-back
// also flushes the disk's own cache, so they must be rare.
const WRITE_BACK_BYTES = 256 * 1024 * 1024;

/** A file that is being written from its start. */
export interface FileSink extends ByteSink {
  /** Bytes given to `write` so far. */
  readonly writtenBytes: number;
  /** Writes what is buffered, flushes the file to the disk and closes it. */
  finish(): Promise<void>;
  /** Closes the file as it is. Safe to call twice and after `finish`. */
  discard(): Promise<void>;
}

/**
 * Creates a file, which must not exist yet.
 * @param name what error messages call the file, when not its path
 * @throws StorageError DESTINATION_EXISTS, ACCESS_DENIED, ...; `write` and `finish` throw DISK_FULL
 */
export async function createFileSink(path: string, name = path): Promise<FileSink> {
  try {
    return new NodeFileSink(await open(path, 'wx', 0o666), name);
  } catch (error) {
    throw storageError(error, name);
  }
}

class NodeFileSink implements FileSink {
  readonly name: string;
  writtenBytes = 0;
  readonly #handle: FileHandle;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #bufferedBytes = 0;
  #unsyncedBytes = 0;
  #writeBack: Promise<void> | undefined;
  #writeBackError: unknown;
  #isClosed = false;

  constructor(handle: FileHandle, name: string) {
    this.#handle = handle;
    this.name = name;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.writtenBytes += bytes.length;
    if (this.#bufferedBytes + bytes.length <= BUFFER_BYTES && bytes.length <= BUFFER_BYTES / 4) {
      this.#buffer ??= new Uint8Array(BUFFER_BYTES);
      this.#buffer.set(bytes, this.#bufferedBytes);
      this.#bufferedBytes += bytes.length;
      return;
    }
    await this.#guard(async () => {
      await this.#flush();
      await this.#writeOut(bytes);
    });
  }

  async finish(): Promise<void> {
    try {
      await this.#guard(async () => {
        await this.#flush();
        await this.#writeBack;
        if (this.#writeBackError !== undefined) throw this.#writeBackError as Error;
        await this.#handle.sync();
      });
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#buffer = undefined;
    await this.#writeBack;
    await this.#handle.close();
  }

  async #flush(): Promise<void> {
    if (this.#bufferedBytes === 0 || this.#buffer === undefined) return;
    await this.#writeOut(this.#buffer.subarray(0, this.#bufferedBytes));
    this.#bufferedBytes = 0;
  }

  async #writeOut(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes < WRITE_BACK_BYTES || this.#writeBack !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#writeBack = this.#handle
      .datasync()
      .catch((error: unknown) => {
        this.#writeBackError = error;
      })
      .finally(() => {
        this.#writeBack = undefined;
      });
  }

  async #guard(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw storageError(error, this.name, ` (after ${this.writtenBytes} bytes of this file)`);
    }
  }
}
