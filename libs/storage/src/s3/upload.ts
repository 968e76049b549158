import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ByteSink } from '@pemmican/safetensors';

import { StorageError } from '../error.ts';
import { s3Name, type S3Location } from '../uri.ts';
import { s3Error, statusOf, withS3Errors } from './error.ts';

// S3 takes at most 10,000 parts of at least 5 MiB each; other servers want all but the last of one size.
const PART_BYTES = 16 * 1024 * 1024;
const MAX_PARTS = 10_000;
const MAX_PARALLEL_PARTS = 2;
const FIRST_BUFFER_BYTES = 64 * 1024;

/**
 * An object that is being written from its start. Its bytes go to the server part by part, and nobody sees any of them before
 * `complete`. One that fits into a part waits in memory.
 */
export class S3Upload implements ByteSink {
  readonly name: string;
  readonly #client: S3Client;
  readonly #location: S3Location;
  readonly #controller = new AbortController();
  readonly #parts: CompletedPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  #buffer = new Uint8Array();
  #bufferedBytes = 0;
  #sentBytes = 0;
  #uploadId: string | undefined;
  #failure: unknown;

  constructor(client: S3Client, location: S3Location) {
    this.#client = client;
    this.#location = location;
    this.name = s3Name(location);
  }

  /** Bytes that wait in memory. */
  get heldBytes(): number {
    return this.#bufferedBytes;
  }

  /** @throws StorageError UPLOAD_FAILED, ACCESS_DENIED, NOT_FOUND, TOO_LARGE */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const part = bytes.subarray(done, done + PART_BYTES - this.#bufferedBytes);
      this.#reserve(this.#bufferedBytes + part.length);
      this.#buffer.set(part, this.#bufferedBytes);
      this.#bufferedBytes += part.length;
      done += part.length;
      if (this.#bufferedBytes === PART_BYTES) await this.#sendPart();
    }
  }

  /**
   * Ends the writing.
   * @param sendsAll false keeps what fits into one part in memory until `complete`
   */
  async finish(sendsAll: boolean): Promise<void> {
    if (this.#bufferedBytes > 0 && (sendsAll || this.#uploadId !== undefined)) await this.#sendPart();
    await Promise.all(this.#sending);
    this.#throwFailure();
  }

  /** Makes the object, in whole. */
  async complete(): Promise<void> {
    const { bucket: Bucket, key: Key } = this.#location;
    await withS3Errors(this.name, 'write', async () => {
      if (this.#uploadId === undefined) {
        const Body = this.#buffer.subarray(0, this.#bufferedBytes);
        await this.#client.send(new PutObjectCommand({ Bucket, Key, Body }));
        return;
      }
      try {
        await this.#client.send(
          new CompleteMultipartUploadCommand({
            Bucket,
            Key,
            UploadId: this.#uploadId,
            MultipartUpload: { Parts: this.#parts },
          }),
        );
      } catch (error) {
        // An answer that was lost: the second try finds no such upload, because the first one has ended it.
        if (statusOf(error) !== 404) throw error;
        const { ContentLength } = await this.#client.send(new HeadObjectCommand({ Bucket, Key }));
        if (ContentLength !== this.#sentBytes) throw error;
      }
    });
  }

  /** Gives up what was sent. Servers keep the parts of an upload that nobody has ended; what fails here is theirs to clean up. */
  async abort(): Promise<void> {
    this.#controller.abort();
    await Promise.all(this.#sending);
    this.#buffer = new Uint8Array();
    this.#bufferedBytes = 0;
    if (this.#uploadId === undefined) return;
    const { bucket: Bucket, key: Key } = this.#location;
    await this.#client
      .send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: this.#uploadId }))
      .catch(() => undefined);
  }

  #reserve(neededBytes: number): void {
    if (neededBytes <= this.#buffer.length) return;
    const doubled = Math.max(FIRST_BUFFER_BYTES, 2 * this.#buffer.length, neededBytes);
    const larger = new Uint8Array(Math.min(PART_BYTES, doubled));
    larger.set(this.#buffer.subarray(0, this.#bufferedBytes));
    this.#buffer = larger;
  }

  /** Sends what is buffered, waiting only where as many parts as may are on their way. */
  async #sendPart(): Promise<void> {
    const body = this.#buffer.subarray(0, this.#bufferedBytes);
    this.#buffer = new Uint8Array();
    this.#bufferedBytes = 0;
    const { bucket: Bucket, key: Key } = this.#location;
    if (this.#parts.length === MAX_PARTS)
      throw new StorageError(
        'TOO_LARGE',
        this.name,
        `has more than ${PART_BYTES * MAX_PARTS} bytes, the limit of a file`,
      );
    this.#uploadId ??= await withS3Errors(this.name, 'write', async () => {
      const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      return UploadId;
    });
    const PartNumber = this.#parts.push({}); // The first one is 1.
    this.#sentBytes += body.length;
    const sent = this.#client
      .send(new UploadPartCommand({ Bucket, Key, UploadId: this.#uploadId, PartNumber, Body: body }), {
        abortSignal: this.#controller.signal,
      })
      .then(
        ({ ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 }) => {
          // A server that has noted checksums of parts wants them said again at the end.
          const checksums = { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
          this.#parts[PartNumber - 1] = { PartNumber, ETag, ...checksums };
        },
        (error: unknown) => {
          this.#failure ??= error;
        },
      )
      .finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
    if (this.#sending.size > MAX_PARALLEL_PARTS) await Promise.race(this.#sending);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw s3Error(this.#failure, this.name, 'write');
  }
}

/** Writes an object that is in memory. */
export async function putS3Object(client: S3Client, location: S3Location, bytes: Uint8Array): Promise<void> {
  const upload = new S3Upload(client, location);
  try {
    await upload.write(bytes);
    await upload.finish(false);
    await upload.complete();
  } catch (error) {
    await upload.abort();
    throw error;
  }
}
