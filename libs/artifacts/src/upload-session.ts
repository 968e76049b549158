import { status as grpcStatus } from '@grpc/grpc-js';
import { UploadState, Upload as UploadMessage, type UploadedFile } from '@pemmican/contract/artifacts';
import { RpcError, notFound } from '@pemmican/rpc';
import type { ArtifactSettings } from './settings.ts';
import { UploadFolder, type FileState } from './upload-folder.ts';
import type { UploadRecord } from './upload-record.ts';
import { untilAborted } from './until-aborted.ts';

/** Collection of uploads: the first part of their names. */
export const COLLECTION = 'uploads';

interface Writer {
  readonly controller: AbortController;
  /** Resolves when it has let go of the file. */
  readonly done: Promise<void>;
}

/** One upload while the service runs: who writes it, and when it was last used. */
export class UploadSession {
  readonly record: UploadRecord;
  readonly folder: UploadFolder;
  activeTimeMs: number;
  /** Set before it is removed: nobody may begin to write, or take it for there. */
  isRemoved = false;
  readonly #settings: ArtifactSettings;
  readonly #indexOf: ReadonlyMap<string, number>;
  readonly #writers = new Map<number, Writer>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(record: UploadRecord, activeTimeMs: number, settings: ArtifactSettings) {
    this.record = record;
    this.activeTimeMs = activeTimeMs;
    this.folder = new UploadFolder(record);
    this.#settings = settings;
    this.#indexOf = new Map(record.files.map(({ fileName }, index) => [fileName, index]));
  }

  get name(): string {
    return `${COLLECTION}/${this.record.id}`;
  }

  get isFinished(): boolean {
    return this.record.endTimeMs !== undefined;
  }

  /** When it is removed unless it is used before. */
  get expireTimeMs(): number {
    const { expiryMs, retentionMs } = this.#settings;
    return this.activeTimeMs + (this.isFinished && this.record.isPlaceChosen ? retentionMs : expiryMs);
  }

  indexOf(fileName: string): number | undefined {
    return this.#indexOf.get(fileName);
  }

  /** Does one thing after another: what ends an upload must not be done twice at a time. */
  async serially<Result>(action: () => Promise<Result>): Promise<Result> {
    const next = this.#last.then(action, action);
    this.#last = next.catch(() => undefined);
    return next;
  }

  /**
   * Writes a file; a call that writes it already is ended first.
   * @throws what {@link UploadFolder.receive} throws; RpcError ABORTED when a later call takes over, NOT_FOUND when it is
   *   being removed
   */
  async write(index: number, offset: number, chunks: AsyncIterable<Uint8Array>): Promise<UploadedFile> {
    if (this.isRemoved) throw notFound(COLLECTION, this.name);
    const previous = this.#writers.get(index);
    const controller = new AbortController();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#writers.set(index, { controller, done });
    try {
      previous?.controller.abort(writerReplaced(this.record.files[index]?.fileName ?? ''));
      await previous?.done;
      controller.signal.throwIfAborted();
      const { signal } = controller;
      const state = await this.folder.receive(index, offset, this.#active(chunks, signal), signal);
      return this.#describe(index, state);
    } finally {
      if (this.#writers.get(index)?.controller === controller) this.#writers.delete(index);
      resolve();
    }
  }

  /** Ends all calls that write. */
  async stopWriters(reason: Error): Promise<void> {
    const writers = [...this.#writers.values()];
    for (const { controller } of writers) controller.abort(reason);
    await Promise.all(writers.map(({ done }) => done));
  }

  /** Names of the files that are not whole. */
  async missingFiles(): Promise<string[]> {
    const states = await this.#states();
    return this.record.files.filter((_, index) => states[index]?.isWhole !== true).map(({ fileName }) => fileName);
  }

  /** As clients see it. */
  async toMessage(): Promise<UploadMessage> {
    const files = (await this.#states()).map((state, index) => this.#describe(index, state));
    const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
    return UploadMessage.fromPartial({
      name: this.name,
      artifactUri: this.record.artifactUri,
      state: this.isFinished ? UploadState.SUCCEEDED : UploadState.ACTIVE,
      files,
      totalSizeBytes: sum(this.record.files.map(({ sizeBytes }) => sizeBytes)),
      committedBytes: sum(files.map(({ committedBytes }) => committedBytes)),
      createTime: new Date(this.record.createTimeMs),
      expireTime: new Date(this.expireTimeMs),
    });
  }

  async #states(): Promise<FileState[]> {
    if (this.isFinished)
      return this.record.files.map(({ sizeBytes }) => ({ committedBytes: sizeBytes, isWhole: true }));
    const states: FileState[] = [];
    for (const index of this.record.files.keys()) states.push(await this.folder.stateOf(index));
    return states;
  }

  #describe(index: number, state: FileState): UploadedFile {
    return { file: this.record.files[index], ...state };
  }

  async *#active(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of untilAborted(chunks, signal)) {
      this.activeTimeMs = Date.now();
      yield chunk;
    }
  }
}

function writerReplaced(fileName: string): RpcError {
  return new RpcError({
    code: grpcStatus.ABORTED,
    reason: 'WRITER_REPLACED',
    message: `${fileName}: a later call writes this file now`,
    metadata: { file: fileName },
  });
}
