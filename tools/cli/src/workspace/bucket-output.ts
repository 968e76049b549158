import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

import { StorageError, artifactName, createFolder, openByteSource, readJsonFile } from '@pemmican/storage';

import { CliError, EXIT_CODE, usageError } from '../cli-error.ts';
import { outputExists } from './output-exists.ts';
import { WORKSPACE_NAME } from './workspace.ts';

const MAX_REPORT_BYTES = 500_000_000;
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * An output below `s3://BUCKET/PREFIX`. A run needs a folder that it can rename in, so it has one of this machine, whose files are
 * uploaded when all of them are there. An interrupted run goes on from there on the same machine.
 */
export class BucketOutput {
  readonly uri: string;
  /** Where the run works. */
  readonly folder: string;

  constructor(output: string, environment: Readonly<Record<string, string | undefined>>) {
    this.uri = told(() => artifactName(output));
    const cache = environment['PEMMICAN_CACHE_DIR'] || path.join(homedir(), '.cache/pemmican');
    const name = createHash('sha256').update(this.uri).digest('hex').slice(0, 16);
    this.folder = path.resolve(cache, 's3-outputs', name);
  }

  /** @throws CliError for a prefix that has objects (without `overwrite`), or that cannot be looked at */
  check(overwrite: boolean): Promise<void> {
    return toldAsync(async () => (await createFolder(this.uri, { overwrite })).abort());
  }

  /** report.json of a run that was uploaded. */
  readReport(): Promise<unknown> {
    return toldAsync(async () => {
      try {
        return await readJsonFile(`${this.uri}/report.json`, { maxBytes: MAX_REPORT_BYTES });
      } catch (error) {
        if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined;
        throw error;
      }
    });
  }

  /** Uploads the run's files and removes them here, but for a work in progress that was to be kept. */
  async upload(overwrite: boolean, signal: AbortSignal): Promise<void> {
    await toldAsync(async () => {
      const names = await this.#fileNames();
      const destination = await createFolder(this.uri, { overwrite });
      try {
        for (const name of names) {
          const source = await openByteSource(path.join(this.folder, name));
          await destination.write(name, async (sink) => {
            const piece = new Uint8Array(Math.min(PIECE_BYTES, source.sizeBytes));
            for (let offset = 0; offset < source.sizeBytes; offset += PIECE_BYTES) {
              signal.throwIfAborted();
              const bytes = piece.subarray(0, Math.min(PIECE_BYTES, source.sizeBytes - offset));
              await source.read(offset, bytes);
              await sink.write(bytes);
            }
          });
          await source.close();
        }
        await destination.commit();
      } catch (error) {
        await destination.abort();
        throw error;
      }
      for (const name of names) await rm(path.join(this.folder, name), { force: true });
    });
    const left = await readdir(this.folder);
    if (left.length === 0) await rm(this.folder, { recursive: true, force: true });
  }

  async #fileNames(): Promise<string[]> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(this.folder, path.join(entry.parentPath, entry.name)))
      .filter((name) => name.split(path.sep)[0] !== WORKSPACE_NAME)
      .sort();
  }
}

function told<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw toCliError(error);
  }
}

async function toldAsync<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw toCliError(error);
  }
}

function toCliError(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const message = `--output ${error.message}`;
  if (error.code === 'DESTINATION_EXISTS') return outputExists(message, error);
  if (error.code !== 'UPLOAD_FAILED' && error.code !== 'DOWNLOAD_FAILED')
    return usageError(message, { cause: error, reason: error.code });
  return new CliError(EXIT_CODE.UNREACHABLE, message, {
    cause: error,
    reason: error.code,
    hints: ['What the run has made is kept on this machine; go on with --resume-from-checkpoint latest.'],
  });
}
