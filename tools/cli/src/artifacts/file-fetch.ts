import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

import type { ArtifactFile, ArtifactServiceClient } from '@pemmican/contract/artifacts';
import { withStorageErrors } from '@pemmican/storage';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import { RpcFailure } from '../rpc-failure.ts';
import { readStream } from '../services/call.ts';
import type { Patience } from '../services/patience.ts';
import { SERVICE } from './artifact-connection.ts';

const READ_BYTES = 1024 * 1024;

/** How often a file is fetched from its start because it was another one than before. */
const MAX_STARTS = 3;

/** What says that the file was replaced since the download began. */
const REPLACED_REASONS: readonly string[] = ['CHANGED_WHILE_READ', 'OFFSET_OUT_OF_RANGE'];

export interface FileFetchOptions {
  readonly client: ArtifactServiceClient;
  readonly artifactUri: string;
  readonly fileName: string;
  readonly patience: Patience;
  readonly signal: AbortSignal;
  /** Called with the bytes that are there. */
  readonly onBytes: (receivedBytes: number) => void;
}

/** One file on its way to this machine: what is there stays over lost connections and commands. */
export class FileFetch {
  readonly #handle: FileHandle;
  readonly #file: string;
  readonly #options: FileFetchOptions;
  #hash: Hash;
  #receivedBytes: number;
  #announced: ArtifactFile | undefined;

  private constructor(handle: FileHandle, file: string, options: FileFetchOptions, hash: Hash, receivedBytes: number) {
    this.#handle = handle;
    this.#file = file;
    this.#options = options;
    this.#hash = hash;
    this.#receivedBytes = receivedBytes;
  }

  /** Opens what an earlier command has left, or begins. */
  static async open(file: string, options: FileFetchOptions): Promise<FileFetch> {
    return withStorageErrors(file, async () => {
      const handle = await open(file, constants.O_RDWR | constants.O_CREAT);
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(READ_BYTES);
      let receivedBytes = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, receivedBytes);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        receivedBytes += bytesRead;
      }
      return new FileFetch(handle, file, options, hash, receivedBytes);
    });
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /**
   * Fetches what is missing.
   * @returns the file as the service told it
   * @throws RpcFailure, StorageError; CliError when what came does not have the digest that was told
   */
  async run(): Promise<ArtifactFile> {
    for (let start = 1; ; start += 1) {
      const isRead = await this.#read();
      const announced = this.#announced;
      if (isRead && announced !== undefined && announced.sizeBytes === this.#receivedBytes) {
        if (`sha256:${this.#hash.copy().digest('hex')}` === announced.digest) {
          await withStorageErrors(this.#file, () => this.#handle.sync());
          return announced;
        }
      }
      if (start === MAX_STARTS)
        throw new CliError(
          EXIT_CODE.FAILURE,
          `${this.#options.artifactUri}: ${this.#options.fileName} arrived damaged or was changed each time`,
          { reason: 'DIGEST_MISMATCH' },
        );
      await this.#startOver();
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** @returns false when the file is another one than before */
  async #read(): Promise<boolean> {
    const { patience, client, artifactUri, fileName, signal, onBytes } = this.#options;
    try {
      return await patience.whileAway(async () => {
        signal.throwIfAborted();
        const request = { artifactUri, fileName, offset: this.#receivedBytes };
        for await (const { file, data } of readStream(SERVICE, client.readArtifact(request), signal)) {
          if (file !== undefined) {
            if (this.#announced !== undefined && this.#announced.digest !== file.digest) return false;
            this.#announced = file;
          }
          if (data.length === 0) continue;
          await this.#append(data);
          patience.reset();
          onBytes(this.#receivedBytes);
        }
        signal.throwIfAborted();
        return true;
      });
    } catch (error) {
      if (error instanceof RpcFailure && REPLACED_REASONS.includes(error.reason)) return false;
      throw error;
    }
  }

  async #append(data: Uint8Array): Promise<void> {
    await withStorageErrors(this.#file, async () => {
      for (let done = 0; done < data.length;) {
        const position = this.#receivedBytes + done;
        done += (await this.#handle.write(data, done, data.length - done, position)).bytesWritten;
      }
    });
    this.#hash.update(data);
    this.#receivedBytes += data.length;
  }

  async #startOver(): Promise<void> {
    await withStorageErrors(this.#file, () => this.#handle.truncate(0));
    this.#hash = createHash('sha256');
    this.#receivedBytes = 0;
    this.#announced = undefined;
  }
}
