import { createHash } from 'node:crypto';

import { Upload } from '@pemmican/contract/artifacts';
import type { UploadedFile } from '@pemmican/contract/artifacts';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import { formatBytes, formatCount } from '../output/units.ts';
import type { Progress } from '../progress/progress.ts';
import { startProgress } from '../progress/progress.ts';
import { RpcFailure } from '../rpc-failure.ts';
import { callUnary } from '../services/call.ts';
import type { Patience } from '../services/patience.ts';
import { SERVICE, patienceBeside, type ArtifactContext } from './artifact-connection.ts';
import { chunksOf, readLocalFiles, type LocalFile, type LocalSource } from './local-artifact.ts';
import { writeFile } from './write-file.ts';

/** The service may look whether files that it has are those that are meant. */
const CREATE_DEADLINE_MS = 600_000;

/** How often a file is sent from its start because it arrived with another digest. */
const MAX_DAMAGED = 2;

/** How often the place to go on at was another one than the service had told. */
const MAX_MISPLACED = 5;

/** Where an artifact is to appear. */
export interface UploadDestination {
  /** Folder on the server; empty where the server is to choose. */
  readonly artifactUri: string;
  readonly overwrite: boolean;
  /** What tells it from uploads of the same files that are not to share their place with it. */
  readonly key?: string;
}

/** What an upload came to. */
export interface UploadOutcome {
  readonly upload: Upload;
  /** Bytes that earlier commands had sent. */
  readonly resumedBytes: number;
}

/**
 * Uploads folders and files as one artifact. What an earlier command of the same files and destination has sent is not sent again.
 * @throws CliError, RpcFailure
 */
export async function uploadArtifact(
  sources: readonly LocalSource[],
  destination: UploadDestination,
  context: ArtifactContext,
): Promise<UploadOutcome> {
  const progress = startProgress('Upload', context.output);
  try {
    const files = await readLocalFiles(sources, context.interrupt.signal, (share) => {
      // Digests come first: they are what makes the upload the same one after a break.
      progress.update(0, `reading ${(share * 100).toFixed(0)} %`);
    });
    const outcome = await new Transfer(files, context, progress).run(destination);
    const { totalSizeBytes } = outcome.upload;
    const resumed = outcome.resumedBytes > 0 ? `, ${formatBytes(outcome.resumedBytes)} of it earlier` : '';
    progress.succeed(`${formatCount(files.length)} files, ${formatBytes(totalSizeBytes)}${resumed}`);
    return outcome;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

class Transfer {
  readonly #files: readonly LocalFile[];
  readonly #context: ArtifactContext;
  readonly #progress: Progress;
  readonly #patience: Patience;
  readonly #totalBytes: number;
  #wholeBytes = 0;

  constructor(files: readonly LocalFile[], context: ArtifactContext, progress: Progress) {
    this.#files = files;
    this.#context = context;
    this.#progress = progress;
    this.#patience = patienceBeside(progress);
    this.#totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async run(destination: UploadDestination): Promise<UploadOutcome> {
    const { client } = this.#context;
    const files = this.#files.map(({ fileName, sizeBytes, digest }) => ({ fileName, sizeBytes, digest }));
    const requestId = createHash('sha256').update(JSON.stringify({ destination, files })).digest('hex');
    const created = await this.#patience.whileAway(() =>
      this.#call(
        client.createUpload.bind(client),
        { artifactUri: destination.artifactUri, overwrite: destination.overwrite, files, requestId },
        CREATE_DEADLINE_MS,
      ),
    );
    const upload = created.upload ?? Upload.create();
    for (const [index, file] of this.#files.entries()) {
      const state = upload.files[index];
      if (state?.isWhole !== true) await this.#send(upload.name, index, file, state?.committedBytes ?? 0);
      this.#wholeBytes += file.sizeBytes;
      this.#show(0);
    }
    const finished = await this.#patience.whileAway(() =>
      this.#call(client.finishUpload.bind(client), { name: upload.name }),
    );
    return { upload: finished.upload ?? Upload.create(), resumedBytes: upload.committedBytes };
  }

  /** Sends the rest of a file, and goes on where a lost connection or a service that ended has left it. */
  async #send(uploadName: string, index: number, file: LocalFile, committedBytes: number): Promise<void> {
    let offset: number | undefined = committedBytes;
    let lastOffset = committedBytes;
    for (let [damaged, misplaced] = [0, 0]; ;) {
      try {
        const sent = await this.#patience.whileAway(async () => {
          const from = offset ?? (await this.#committedBytes(uploadName, index));
          // Asked again after a break; only bytes that came in between are a sign of life.
          offset = undefined;
          if (from > lastOffset) this.#patience.reset();
          lastOffset = from;
          return this.#write(uploadName, file, from);
        });
        if (sent.isWhole) return;
        throw changed(file);
      } catch (error) {
        if (!(error instanceof RpcFailure)) throw error;
        if (error.reason === 'DIGEST_MISMATCH') {
          damaged += 1;
          if (damaged >= MAX_DAMAGED) throw changed(file, error);
          this.#progress.note(`warning: ${file.fileName} arrived damaged; sending it again`);
        } else if (error.reason === 'OFFSET_MISMATCH' && misplaced < MAX_MISPLACED) misplaced += 1;
        else throw error;
      }
    }
  }

  #write(uploadName: string, { fileName, path }: LocalFile, offset: number): Promise<UploadedFile> {
    const { client, interrupt } = this.#context;
    interrupt.signal.throwIfAborted();
    return writeFile(client, { uploadName, fileName, offset }, this.#shown(path, offset), interrupt.signal);
  }

  async #committedBytes(name: string, index: number): Promise<number> {
    const { client } = this.#context;
    const { upload } = await this.#call(client.getUpload.bind(client), { name });
    return upload?.files[index]?.committedBytes ?? 0;
  }

  async *#shown(path: string, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    let sentBytes = offset;
    for await (const chunk of chunksOf(path, offset)) {
      yield chunk;
      sentBytes += chunk.length;
      this.#show(sentBytes);
    }
  }

  #show(sentBytesOfFile: number): void {
    const sentBytes = this.#wholeBytes + sentBytesOfFile;
    const detail = `${formatBytes(sentBytes)} of ${formatBytes(this.#totalBytes)}`;
    this.#progress.update(sentBytes / Math.max(1, this.#totalBytes), detail);
  }

  #call<Request, Response>(
    method: Parameters<typeof callUnary<Request, Response>>[1],
    request: Request,
    deadlineMs?: number,
  ): Promise<Response> {
    const { signal } = this.#context.interrupt;
    return callUnary(SERVICE, method, request, { signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) });
  }
}

function changed({ path }: LocalFile, cause?: unknown): CliError {
  return new CliError(EXIT_CODE.FAILURE, `${path}: it was changed while it was uploaded`, {
    cause,
    reason: 'CHANGED_WHILE_READ',
    hints: ['Upload it again when nobody writes it.'],
  });
}
