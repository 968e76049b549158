import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import { DatasetFormat, type DatasetFile, type RecordBatch, type Split } from '@pemmican/contract/vocabulary';
import { RpcError, invalidArgument } from '@pemmican/rpc';
import { storageError } from '@pemmican/storage';
import { toSplitName } from './convert/analysis-request.ts';

const PARTIAL_SUFFIX = '.part';

/**
 * Records that a client sends, written down so that an analysis of them survives the service's death like any other: a
 * JSON Lines file a split, in a folder that gets its name when it is whole.
 */
export class RecordSpool {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #files = new Map<Split, FileHandle>();
  #hasPairs: boolean | undefined;
  #byteCount = 0;
  #recordCount = 0;

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** @param root folder of all spools */
  static async create(root: string, maxBytes: number): Promise<RecordSpool> {
    const folder = path.join(root, randomUUID());
    await mkdir(folder + PARTIAL_SUFFIX, { recursive: true });
    return new RecordSpool(folder, maxBytes);
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Whether records are pairs of texts. */
  get hasPairs(): boolean {
    return this.#hasPairs ?? false;
  }

  /** @throws RpcError INVALID_ARGUMENT, RESOURCE_EXHAUSTED; StorageError DISK_FULL */
  async add({ split, records }: RecordBatch): Promise<void> {
    const splitName = toSplitName(split);
    if (splitName === undefined) throw invalidArgument([{ field: 'batch.split', description: 'must be set' }]);
    const lines = records.map(({ text, textPair }) => {
      this.#hasPairs ??= textPair !== undefined;
      if ((textPair !== undefined) !== this.#hasPairs) {
        const description = `record ${this.#recordCount + 1} ${this.#hasPairs ? 'has no' : 'has a'} text_pair, unlike those before it`;
        throw invalidArgument([{ field: 'batch.records', description }]);
      }
      this.#recordCount++;
      return JSON.stringify(textPair === undefined ? { text } : { text, text_pair: textPair });
    });
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    this.#byteCount += bytes.length;
    if (this.#byteCount > this.#maxBytes) {
      throw new RpcError({
        code: grpcStatus.RESOURCE_EXHAUSTED,
        reason: 'UPLOAD_TOO_LARGE',
        message: `The records have more than ${this.#maxBytes} bytes, which is the service's limit; share a folder with it or analyze shards and merge their profiles`,
        metadata: { limit: String(this.#maxBytes) },
      });
    }
    const file = path.join(this.#folder + PARTIAL_SUFFIX, `${splitName}.jsonl`);
    try {
      const handle = this.#files.get(split) ?? (await open(file, 'wx'));
      this.#files.set(split, handle);
      await handle.appendFile(bytes);
    } catch (error) {
      throw storageError(error, file);
    }
  }

  /** Makes the folder whole and gives its files. */
  async finish(): Promise<DatasetFile[]> {
    for (const handle of this.#files.values()) {
      await handle.sync();
      await handle.close();
    }
    await rename(this.#folder + PARTIAL_SUFFIX, this.#folder);
    return [...this.#files.keys()].map((split) => ({
      split,
      uri: path.join(this.#folder, `${toSplitName(split) ?? ''}.jsonl`),
      format: DatasetFormat.JSONL,
    }));
  }

  /** Leaves nothing. */
  async abort(): Promise<void> {
    for (const handle of this.#files.values()) await handle.close().catch(() => undefined);
    await rm(this.#folder + PARTIAL_SUFFIX, { recursive: true, force: true });
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Removes the records of an analysis that has ended, where a client had sent them. */
export async function removeSpool(root: string, files: readonly DatasetFile[]): Promise<void> {
  for (const { uri } of files) {
    const folder = path.dirname(uri);
    if (path.dirname(folder) === root) await rm(folder, { recursive: true, force: true });
  }
}

/** Removes what killed processes left: all spools but those of the files. Called before the first client is served. */
export function sweepSpools(root: string, files: readonly DatasetFile[]): void {
  const kept = new Set(files.map(({ uri }) => path.dirname(uri)));
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) {
    const folder = path.join(root, name);
    if (!kept.has(folder)) rmSync(folder, { recursive: true, force: true });
  }
}
