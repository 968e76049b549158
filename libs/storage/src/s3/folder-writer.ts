import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ByteSink, FolderWriter } from '@pemmican/safetensors';

import { StorageError } from '../error.ts';
import { checkFileName } from '../file-name.ts';
import { s3Name, type S3Location } from '../uri.ts';
import { withS3Errors } from './error.ts';
import { isFolderMarker, keyOf } from './folder-reader.ts';
import { listObjects } from './listing.ts';
import { S3Upload } from './upload.ts';

/** What makes a folder a model or an adapter: whoever finds these may read the rest. The one that most go by comes last. */
const MARKER_FILE_NAMES: readonly string[] = ['adapter_config.json', 'config.json'];
// A prefix with as many markers of folders is somebody's, whether there are files or not.
const MAX_MARKER_COUNT = 100;
// Beyond, small files are sent before the commit, too.
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/**
 * Begins a folder below a prefix. S3 has no rename, so all files are uploaded in parts that nobody sees, and made objects on
 * `commit`, what makes the folder a model last: a reader finds no model, or a whole one. A process that is killed in the moment of
 * the commit may leave files without it.
 * @throws StorageError DESTINATION_EXISTS for a prefix with objects (without `overwrite`), NOT_FOUND for the bucket, ACCESS_DENIED,
 *   INVALID_URI for a whole bucket, DOWNLOAD_FAILED
 */
export async function createS3Folder(
  client: S3Client,
  location: S3Location,
  overwrite: boolean,
): Promise<FolderWriter> {
  const name = s3Name(location);
  // Replacing a folder removes what is in it.
  if (location.key === '')
    throw new StorageError('INVALID_URI', name, 'a folder cannot be a whole bucket; name a prefix in it');
  if (!overwrite) await refuseObjects(client, location);
  return new S3FolderWriter(client, location, overwrite);
}

async function refuseObjects(client: S3Client, location: S3Location): Promise<void> {
  const listed = await listObjects(client, location, MAX_MARKER_COUNT);
  if (listed.length === MAX_MARKER_COUNT || !listed.every(({ fileName }) => isFolderMarker(fileName)))
    throw new StorageError(
      'DESTINATION_EXISTS',
      s3Name(location),
      'there are objects below this prefix; name another or ask to overwrite them',
    );
}

class S3FolderWriter implements FolderWriter {
  readonly name: string;
  readonly #client: S3Client;
  readonly #location: S3Location;
  readonly #overwrite: boolean;
  readonly #uploads = new Map<string, S3Upload>();
  #state: 'open' | 'committed' | 'aborted' = 'open';

  constructor(client: S3Client, location: S3Location, overwrite: boolean) {
    this.name = s3Name(location);
    this.#client = client;
    this.#location = location;
    this.#overwrite = overwrite;
  }

  async write(fileName: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
    this.#checkOpen();
    checkFileName(this.name, fileName);
    const upload = new S3Upload(this.#client, { ...this.#location, key: keyOf(this.#location, fileName) });
    if (this.#uploads.has(fileName)) throw new StorageError('DESTINATION_EXISTS', upload.name, 'already exists');
    this.#uploads.set(fileName, upload);
    try {
      await write(upload);
      const heldBytes = this.#uploads.values().reduce((sum, each) => sum + each.heldBytes, 0);
      await upload.finish(heldBytes > MAX_HELD_BYTES);
    } catch (error) {
      this.#uploads.delete(fileName);
      await upload.abort();
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.#checkOpen();
    const markers = MARKER_FILE_NAMES.filter((fileName) => this.#uploads.has(fileName));
    const others = [...this.#uploads.keys()].filter((fileName) => !markers.includes(fileName));
    const completed: string[] = [];
    try {
      if (this.#overwrite) await this.#remove(MARKER_FILE_NAMES);
      else await refuseObjects(this.#client, this.#location);
      for (const fileName of [...others, ...markers]) {
        // What is left of another folder must be gone before this one is a model.
        if (this.#overwrite && fileName === markers[0]) await this.#removeOthers();
        completed.push(fileName);
        await this.#uploads.get(fileName)?.complete();
      }
      if (this.#overwrite && markers.length === 0) await this.#removeOthers();
      this.#state = 'committed';
    } catch (error) {
      // In the way of the next attempt, and no model: what would make it one goes first. What stood here before an overwrite is gone
      // in any case.
      await this.#remove(completed.toReversed()).catch(() => undefined);
      throw error;
    }
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    await Promise.all(this.#uploads.values().map((upload) => upload.abort()));
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new StorageError('CLOSED', this.name, `the folder has been ${this.#state}`);
  }

  async #removeOthers(): Promise<void> {
    const listed = await listObjects(this.#client, this.#location);
    await this.#remove(listed.map(({ fileName }) => fileName).filter((fileName) => !this.#uploads.has(fileName)));
  }

  async #remove(fileNames: readonly string[]): Promise<void> {
    for (const fileName of fileNames) {
      const key = keyOf(this.#location, fileName);
      await withS3Errors(s3Name({ ...this.#location, key }), 'write', () =>
        this.#client.send(new DeleteObjectCommand({ Bucket: this.#location.bucket, Key: key })),
      );
    }
  }
}
