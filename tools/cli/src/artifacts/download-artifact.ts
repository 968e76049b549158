import { existsSync, statSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { Artifact, ArtifactKind } from '@pemmican/contract/artifacts';
import type { ArtifactFile } from '@pemmican/contract/artifacts';
import {
  StorageError,
  checkFileName,
  makeFolder,
  openFolder,
  prepareDestination,
  putFolderInPlace,
  syncFolder,
} from '@pemmican/storage';

import { usageError } from '../cli-error.ts';
import { isUri } from '../options/location.ts';
import { formatBytes, formatCount } from '../output/units.ts';
import type { Progress } from '../progress/progress.ts';
import { startProgress } from '../progress/progress.ts';
import { callUnary } from '../services/call.ts';
import type { Patience } from '../services/patience.ts';
import { lockFile } from '../workspace/lock-file.ts';
import { outputExists } from '../workspace/output-exists.ts';
import { SERVICE, patienceBeside, type ArtifactContext } from './artifact-connection.ts';
import { FileFetch } from './file-fetch.ts';

const PAGE_SIZE = 1000;

/** What a download came to. */
export interface DownloadOutcome {
  /** Path of the folder or file. */
  readonly output: string;
  readonly artifact: Artifact;
  readonly files: readonly ArtifactFile[];
  /** Bytes that earlier commands had received. */
  readonly resumedBytes: number;
}

/** Where a download goes to. */
export interface DownloadDestination {
  readonly output: string;
  readonly overwrite: boolean;
  /** Files of the folder that are fetched; all where not given. */
  readonly isWanted?: (fileName: string) => boolean;
}

/**
 * Downloads a folder or a file, which appears under its name when it is whole. What an interrupted command to the same place has
 * received is not fetched again.
 * @throws CliError, RpcFailure
 */
export async function downloadArtifact(
  artifactUri: string,
  destination: DownloadDestination,
  context: ArtifactContext,
): Promise<DownloadOutcome> {
  const progress = startProgress('Download', context.output);
  try {
    const outcome = await new Download(context, progress).run(artifactUri, destination);
    const { totalSizeBytes, fileCount } = outcome.artifact;
    const resumed = outcome.resumedBytes > 0 ? `, ${formatBytes(outcome.resumedBytes)} of it earlier` : '';
    progress.succeed(`${formatCount(fileCount)} files, ${formatBytes(totalSizeBytes)}${resumed}`);
    return outcome;
  } catch (error) {
    progress.fail();
    if (error instanceof StorageError) throw toCliError(error);
    throw error;
  }
}

class Download {
  readonly #context: ArtifactContext;
  readonly #progress: Progress;
  readonly #patience: Patience;
  #resumedBytes = 0;

  constructor(context: ArtifactContext, progress: Progress) {
    this.#context = context;
    this.#progress = progress;
    this.#patience = patienceBeside(progress);
  }

  async run(artifactUri: string, destination: DownloadDestination): Promise<DownloadOutcome> {
    const { output, overwrite, isWanted = () => true } = destination;
    if (isUri(output)) throw usageError(`--output ${output}: it must be a place on this machine`);
    const { client } = this.#context;
    const { artifact = Artifact.create() } = await this.#call(client.getArtifact.bind(client), { artifactUri });
    const place = path.resolve(output);
    return artifact.kind === ArtifactKind.FILE
      ? this.#file(artifact, place, overwrite)
      : this.#folder(artifact, place, overwrite, isWanted);
  }

  async #folder(
    whole: Artifact,
    output: string,
    overwrite: boolean,
    isWanted: (fileName: string) => boolean,
  ): Promise<DownloadOutcome> {
    const wanted = (await this.#list(whole.artifactUri)).filter(({ fileName }) => isWanted(fileName));
    const names = wanted.map(({ fileName }) => fileName);
    const totalSizeBytes = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const artifact = { ...whole, fileCount: wanted.length, totalSizeBytes };
    // Looked at before its name is known for certain: where links lead elsewhere, all is taken to be missing.
    const expectedBytes = Math.max(0, totalSizeBytes - (await receivedBytes(temporaryName(output), names)));
    const place = await prepareDestination(output, { overwrite, expectedBytes });
    const temporary = temporaryName(place);
    return whileLocked(temporary, output, async () => {
      const files = await this.#collect(artifact, names, temporary);
      await putFolderInPlace(temporary, place, { name: output, overwrite });
      return { output, artifact, files, resumedBytes: this.#resumedBytes };
    });
  }

  /** Fetches files into a folder, and leaves nothing else there. */
  async #collect(artifact: Artifact, names: readonly string[], temporary: string): Promise<ArtifactFile[]> {
    await makeFolder(temporary);
    const files: ArtifactFile[] = [];
    const folders = new Set([temporary]);
    let wholeBytes = 0;
    for (const fileName of names) {
      const file = path.join(temporary, checkFileName(artifact.artifactUri, fileName));
      await mkdir(path.dirname(file), { recursive: true });
      for (let folder = path.dirname(file); folder !== temporary; folder = path.dirname(folder)) folders.add(folder);
      const fetched = await this.#fetch(artifact, fileName, file, wholeBytes);
      wholeBytes += fetched.sizeBytes;
      files.push(fetched);
    }
    await removeOthers(temporary, names);
    for (const folder of folders) await syncFolder(folder);
    return files;
  }

  async #file(artifact: Artifact, asked: string, overwrite: boolean): Promise<DownloadOutcome> {
    const isInFolder = existsSync(asked) && statSync(asked).isDirectory();
    const output = isInFolder ? path.join(asked, path.basename(artifact.artifactUri)) : asked;
    const refuse = (): void => {
      if (!overwrite && existsSync(output))
        throw toCliError(new StorageError('DESTINATION_EXISTS', output, 'is there'));
    };
    refuse();
    await makeFolder(path.dirname(output));
    const temporary = temporaryName(output);
    return whileLocked(temporary, output, async () => {
      const fetched = await this.#fetch(artifact, '', temporary, 0);
      // A file may have come meanwhile: a transfer may take hours.
      refuse();
      await rename(temporary, output);
      await syncFolder(path.dirname(output));
      return { output, artifact, files: [fetched], resumedBytes: this.#resumedBytes };
    });
  }

  async #fetch(artifact: Artifact, fileName: string, file: string, wholeBytes: number): Promise<ArtifactFile> {
    const { artifactUri, totalSizeBytes } = artifact;
    const { client, interrupt } = this.#context;
    const fetch = await FileFetch.open(file, {
      client,
      artifactUri,
      fileName,
      patience: this.#patience,
      signal: interrupt.signal,
      onBytes: (receivedBytes) => {
        const bytes = wholeBytes + receivedBytes;
        const detail = `${formatBytes(bytes)} of ${formatBytes(totalSizeBytes)}`;
        this.#progress.update(bytes / Math.max(1, totalSizeBytes), detail);
      },
    });
    this.#resumedBytes += fetch.receivedBytes;
    try {
      return await fetch.run();
    } finally {
      await fetch.close();
    }
  }

  async #list(artifactUri: string): Promise<ArtifactFile[]> {
    const { client } = this.#context;
    const files: ArtifactFile[] = [];
    for (let pageToken = '', isLast = false; !isLast; isLast = pageToken === '') {
      const request = { artifactUri, pageSize: PAGE_SIZE, pageToken };
      const page = await this.#call(client.listArtifactFiles.bind(client), request);
      files.push(...page.files);
      pageToken = page.nextPageToken;
    }
    return files;
  }

  #call<Request, Response>(
    method: Parameters<typeof callUnary<Request, Response>>[1],
    request: Request,
  ): Promise<Response> {
    const { signal } = this.#context.interrupt;
    return this.#patience.whileAway(() => callUnary(SERVICE, method, request, { signal }));
  }
}

/** Where a download collects what it has received, the same each time. */
function temporaryName(place: string): string {
  return path.join(path.dirname(place), `.${path.basename(place)}.pemmican-download`);
}

/** Does what only one command may do with a place at a time. */
async function whileLocked<Result>(temporary: string, output: string, action: () => Promise<Result>): Promise<Result> {
  const unlock = await lockFile(`${temporary}.lock`, output);
  try {
    return await action();
  } finally {
    await unlock();
  }
}

/** What an earlier command has received of some files. */
async function receivedBytes(folder: string, names: readonly string[]): Promise<number> {
  const sizes = names.map((name) =>
    stat(path.join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Removes what an earlier command has received and the server no longer has. */
async function removeOthers(folder: string, names: readonly string[]): Promise<void> {
  const kept = new Set(names);
  for (const name of await (await openFolder(folder)).list())
    if (!kept.has(name)) await rm(path.join(folder, name), { force: true });
}

function toCliError(error: StorageError): Error {
  if (error.code !== 'DESTINATION_EXISTS') return usageError(error.message, { cause: error, reason: error.code });
  return outputExists(`--output ${error.message}`, error);
}
