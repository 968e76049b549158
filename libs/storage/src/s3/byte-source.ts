import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { GetObjectCommand, HeadObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import type { ByteSource } from '@pemmican/safetensors';

import { StorageError } from '../error.ts';
import { s3Name, type S3Location } from '../uri.ts';
import { changedWhileRead, statusOf, withS3Errors } from './error.ts';

// A request takes as long as some megabytes: what is small is fetched with what follows it. Headers of checkpoints, their samples and
// their biases are read so; the first fetch comes with the opening, and is all of a small file.
const LEAST_FETCH_BYTES = 128 * 1024;
// Reads that go on near where the last one ended fetch twice as much each time: tensors, kept rows and records come so.
const MOST_FETCH_BYTES = 4 * 1024 * 1024;
const NEAR_BYTES = 256 * 1024;
const MAX_KEPT_BYTES = MOST_FETCH_BYTES + 1024 * 1024;
// One connection does not fill the line to a data centre.
const PART_BYTES = 8 * 1024 * 1024;
const MAX_PARALLEL_PARTS = 4;
// The client tries again what gets no answer; this is for answers that break off.
const MAX_BROKEN_TRANSFERS = 10;
const RETRY_DELAY_MS = 250;

/** An object as it was when it was opened. */
interface ObjectVersion {
  readonly etag: string | undefined;
  readonly sizeBytes: number;
}

/**
 * Opens an object for reads of ranges. All reads are of the version that was opened: one that is replaced meanwhile is an error.
 * @param etag of the version that is wanted; undefined: the one that is there
 * @throws StorageError NOT_FOUND, ACCESS_DENIED, CHANGED_WHILE_READ, DOWNLOAD_FAILED
 */
export async function openS3ByteSource(client: S3Client, location: S3Location, etag?: string): Promise<ByteSource> {
  const name = s3Name(location);
  if (location.key === '') throw new StorageError('NOT_A_FILE', name, 'is a bucket, not a file');
  return withS3Errors(name, 'read', async () => {
    try {
      const first = await getRange(client, location, 0, LEAST_FETCH_BYTES, etag);
      const version = versionOf(first, name);
      // Not every server heeds If-Match.
      if (etag !== undefined && version.etag !== etag) {
        (first.Body as Readable | undefined)?.destroy();
        throw changedWhileRead(name);
      }
      const bytes = new Uint8Array(Math.min(LEAST_FETCH_BYTES, version.sizeBytes));
      const reader = new S3RangeReader(client, location, name, version);
      await reader.fill(0, bytes, first);
      return new S3ByteSource(reader, bytes);
    } catch (error) {
      // An empty object has no range.
      if (statusOf(error) !== 416) throw error;
      const { bucket: Bucket, key: Key } = location;
      const { ContentLength, ETag } = await client.send(new HeadObjectCommand({ Bucket, Key }));
      if (ContentLength !== 0) throw error;
      const version = { etag: ETag, sizeBytes: 0 };
      return new S3ByteSource(new S3RangeReader(client, location, name, version), new Uint8Array());
    }
  });
}

function getRange(
  client: S3Client,
  { bucket, key }: S3Location,
  start: number,
  end: number,
  etag: string | undefined,
): Promise<GetObjectCommandOutput> {
  return client.send(
    new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      Range: `bytes=${start}-${end - 1}`,
      ...(etag === undefined ? {} : { IfMatch: etag }),
    }),
  );
}

function versionOf({ ContentRange, ETag, Body }: GetObjectCommandOutput, name: string): ObjectVersion {
  const size = /^bytes \d+-\d+\/(\d+)$/.exec(ContentRange ?? '')?.[1];
  if (size !== undefined) return { etag: ETag, sizeBytes: Number(size) };
  (Body as Readable | undefined)?.destroy();
  throw new StorageError('DOWNLOAD_FAILED', name, 'the S3 server does not answer requests for a range of bytes');
}

/** Reads ranges of one version of an object. */
class S3RangeReader {
  readonly name: string;
  readonly version: ObjectVersion;
  readonly #client: S3Client;
  readonly #location: S3Location;

  constructor(client: S3Client, location: S3Location, name: string, version: ObjectVersion) {
    this.#client = client;
    this.#location = location;
    this.name = name;
    this.version = version;
  }

  /**
   * Fills `target`, going on where an answer breaks off.
   * @param first an answer that has come already
   */
  async fill(offset: number, target: Uint8Array, first?: GetObjectCommandOutput): Promise<void> {
    let done = 0;
    for (let broken = 0; ; broken++) {
      const answer =
        broken === 0 && first !== undefined
          ? first
          : await getRange(this.#client, this.#location, offset + done, offset + target.length, this.version.etag);
      this.#check(answer);
      const failure = await copyBody(answer.Body as Readable, target.subarray(done), (bytes) => (done += bytes));
      if (done === target.length) return;
      if (broken === MAX_BROKEN_TRANSFERS)
        throw failure instanceof Error ? failure : Object.assign(new Error('It ended early'), { code: 'CUT_OFF' });
      await sleep(RETRY_DELAY_MS * (broken + 1));
    }
  }

  #check({ ETag, ContentRange, Body }: GetObjectCommandOutput): void {
    const size = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
    const { etag, sizeBytes } = this.version;
    if (ETag === etag && Number(size) === sizeBytes) return;
    (Body as Readable | undefined)?.destroy();
    throw changedWhileRead(this.name);
  }
}

/**
 * Copies what comes, at most as much as `target` has room for.
 * @returns what broke the transfer off, if anything did
 */
async function copyBody(body: Readable, target: Uint8Array, onCopied: (bytes: number) => void): Promise<unknown> {
  let done = 0;
  try {
    // Some servers promise the bytes of an empty object that were asked for, and send none.
    if (target.length === 0) return undefined;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      const part = chunk.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      onCopied(part.length);
      // An answer that is read to its end leaves its connection to the next request.
      if (part.length < chunk.length) break;
    }
    return undefined;
  } catch (error) {
    return error;
  } finally {
    body.destroy();
  }
}

/** Bytes that were fetched, or are being fetched. */
interface FetchedRange {
  readonly start: number;
  readonly lengthBytes: number;
  readonly bytes: Promise<Uint8Array>;
}

class S3ByteSource implements ByteSource {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #reader: S3RangeReader;
  /** Oldest first. */
  #fetched: FetchedRange[];
  /** Of the last fetch. */
  #fetchBytes = LEAST_FETCH_BYTES;
  #fetchEnd: number;
  /** Of the last read. */
  #readEnd = 0;
  #isClosed = false;

  /** @param firstBytes what the object begins with */
  constructor(reader: S3RangeReader, firstBytes: Uint8Array) {
    this.#reader = reader;
    this.name = reader.name;
    this.sizeBytes = reader.version.sizeBytes;
    this.#fetched = [{ start: 0, lengthBytes: firstBytes.length, bytes: Promise.resolve(firstBytes) }];
    this.#fetchEnd = firstBytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (this.#isClosed) throw new StorageError('CLOSED', this.name, 'the file has been closed');
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > this.sizeBytes)
      throw new RangeError(
        `Cannot read bytes ${offset} to ${offset + target.length} of ${this.name} with ${this.sizeBytes} bytes`,
      );
    await withS3Errors(this.name, 'read', () =>
      target.length <= MOST_FETCH_BYTES ? this.#readFetched(offset, target) : this.#readParts(offset, target),
    );
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#fetched = [];
    return Promise.resolve();
  }

  async #readFetched(offset: number, target: Uint8Array): Promise<void> {
    let done = 0;
    while (done < target.length) {
      const position = offset + done;
      const range =
        this.#fetched.find(({ start, lengthBytes }) => start <= position && position < start + lengthBytes) ??
        this.#fetch(position, target.length - done);
      const bytes = await range.bytes;
      const part = bytes.subarray(position - range.start, position - range.start + target.length - done);
      target.set(part, done);
      done += part.length;
      this.#readEnd = position + part.length;
    }
  }

  #fetch(start: number, neededBytes: number): FetchedRange {
    const isNear = start >= this.#fetchEnd && start - this.#readEnd <= NEAR_BYTES;
    this.#fetchBytes = isNear ? Math.min(2 * this.#fetchBytes, MOST_FETCH_BYTES) : LEAST_FETCH_BYTES;
    const lengthBytes = Math.min(this.sizeBytes - start, Math.max(neededBytes, this.#fetchBytes));
    this.#fetchEnd = start + lengthBytes;
    const target = new Uint8Array(lengthBytes);
    const bytes = this.#reader.fill(start, target).then(() => target);
    const range = { start, lengthBytes, bytes };
    bytes.catch(() => {
      this.#fetched = this.#fetched.filter((other) => other !== range);
    });
    this.#fetched.push(range);
    let keptBytes = this.#fetched.reduce((sum, each) => sum + each.lengthBytes, 0);
    while (keptBytes > MAX_KEPT_BYTES && this.#fetched.length > 1) keptBytes -= this.#fetched.shift()?.lengthBytes ?? 0;
    return range;
  }

  async #readParts(offset: number, target: Uint8Array): Promise<void> {
    let next = 0;
    const readOnes = async (): Promise<void> => {
      while (next < target.length) {
        const start = next;
        next += PART_BYTES;
        await this.#reader.fill(offset + start, target.subarray(start, start + PART_BYTES));
      }
    };
    await Promise.all(Array.from({ length: MAX_PARALLEL_PARTS }, readOnes));
  }
}
