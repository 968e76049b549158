import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { makeFolder } from '@pemmican/storage';

import { usageError } from '../cli-error.ts';
import { isS3, isUri } from '../options/location.ts';
import { Journal } from './journal.ts';
import { lockFile } from './lock-file.ts';
import { outputExists } from './output-exists.ts';

/** Work in progress lives here, inside the output folder: the same file system, so that finished files can be moved. */
export const WORKSPACE_NAME = '.pemmican';
const LOCK_NAME = 'lock';

/** How an output folder is to be treated. */
export interface OutputPolicy {
  readonly output: string;
  /** What the user called it, where the folder only stands for it. */
  readonly name?: string;
  readonly isResuming: boolean;
  readonly overwrite: boolean;
}

/**
 * Refuses to write into a folder that holds a model or the work of an interrupted run, unless the user said what to do
 * with it.
 * @returns the folder's absolute path
 * @throws CliError exit code 2
 */
export function checkOutput(policy: OutputPolicy): string {
  if (isUri(policy.output)) {
    throw usageError(
      `--output ${policy.output}: it must be a folder on this machine or on storage that is mounted here`,
      isS3(policy.output)
        ? {
            hints: [
              'A run keeps its checkpoints in it; `pemmican run`, `reduce`, `restore` and `analyze` write to s3:.',
            ],
          }
        : {},
    );
  }
  const folder = path.resolve(policy.output);
  if (policy.isResuming || policy.overwrite || !existsSync(folder)) return folder;
  const names = readEntries(folder);
  if (names.includes(WORKSPACE_NAME)) {
    throw usageError(`${folder} holds the work of an interrupted run`, {
      reason: 'OUTPUT_EXISTS',
      hints: ['Go on with --resume-from-checkpoint latest, or start over with --overwrite.'],
    });
  }
  const inTheWay = names.find((name) =>
    /^(?:adapter_)?model.*\.safetensors$|^pytorch_model|^checkpoint-\d+$/.test(name),
  );
  if (inTheWay !== undefined) {
    throw outputExists(`${folder} already holds ${inTheWay}`);
  }
  return folder;
}

function readEntries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw usageError(`--output ${folder}: ${(cause as Error).message}`, { cause });
  }
}

/** The folder of a run's work in progress. */
export class Workspace implements AsyncDisposable {
  /** The output folder. */
  readonly output: string;
  /** What the user calls it. */
  readonly outputName: string;
  readonly folder: string;
  readonly journal: Journal;
  /** Whether the output folder was made for this work. */
  readonly #isOutputNew: boolean;
  readonly #unlock: () => Promise<void>;

  private constructor(of: {
    output: string;
    outputName: string;
    journal: Journal;
    isOutputNew: boolean;
    unlock: () => Promise<void>;
  }) {
    this.output = of.output;
    this.outputName = of.outputName;
    this.folder = path.join(of.output, WORKSPACE_NAME);
    this.journal = of.journal;
    this.#isOutputNew = of.isOutputNew;
    this.#unlock = of.unlock;
  }

  /**
   * Opens the work in progress of an output folder, or begins it.
   * @throws CliError when another command is at work there
   */
  static async open(policy: OutputPolicy): Promise<Workspace> {
    const output = checkOutput(policy);
    const folder = path.join(output, WORKSPACE_NAME);
    const isOutputNew = !existsSync(output);
    try {
      await makeFolder(folder);
    } catch (cause) {
      throw usageError(`--output cannot be written: ${(cause as Error).message}`, { cause });
    }
    const unlock = await lockFile(path.join(folder, LOCK_NAME), output);
    if (!policy.isResuming) {
      for (const name of readdirSync(folder)) {
        // The lock, and what another command would make one of.
        if (!name.startsWith(LOCK_NAME)) await rm(path.join(folder, name), { recursive: true, force: true });
      }
    }
    const journal = await Journal.open(path.join(folder, 'journal.json'));
    return new Workspace({ output, outputName: policy.name ?? output, journal, isOutputNew, unlock });
  }

  get vocabularyFile(): string {
    return path.join(this.folder, 'vocabulary.json');
  }

  get reducedFolder(): string {
    return path.join(this.folder, 'reduced');
  }

  get trainingFolder(): string {
    return path.join(this.folder, 'training');
  }

  get restoredFolder(): string {
    return path.join(this.folder, 'restored');
  }

  get trainingLogFile(): string {
    return path.join(this.folder, 'training-log.json');
  }

  /** Tells this run from every other, as long as there is work in progress. */
  async uploadKey(): Promise<string> {
    const file = path.join(this.folder, 'upload-key');
    try {
      await writeFile(file, randomUUID(), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return readFile(file, 'utf8');
  }

  /** Removes the work in progress; the run is whole. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Lets go of the work. A run that was refused before it had made anything leaves no folder that looks like an interrupted run's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unlock();
    for (const folder of [this.folder, ...(this.#isOutputNew ? [this.output] : [])])
      // Fails where there is something in it.
      await rmdir(folder).catch(() => undefined);
  }
}
