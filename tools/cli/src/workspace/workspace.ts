import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { makeFolder } from '@pemmican/storage';

import { CliError, EXIT_CODE, usageError } from '../cli-error.ts';
import { isS3, isUri } from '../options/location.ts';
import { Journal } from './journal.ts';
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

  private constructor(output: string, outputName: string, folder: string, journal: Journal) {
    this.output = output;
    this.outputName = outputName;
    this.folder = folder;
    this.journal = journal;
  }

  /**
   * Opens the work in progress of an output folder, or begins it.
   * @throws CliError when another command is at work there
   */
  static async open(policy: OutputPolicy): Promise<Workspace> {
    const output = checkOutput(policy);
    const folder = path.join(output, WORKSPACE_NAME);
    try {
      await makeFolder(folder);
    } catch (cause) {
      throw usageError(`--output cannot be written: ${(cause as Error).message}`, { cause });
    }
    await lock(path.join(folder, LOCK_NAME), output);
    if (!policy.isResuming) {
      for (const name of readdirSync(folder)) {
        if (name !== LOCK_NAME) await rm(path.join(folder, name), { recursive: true, force: true });
      }
    }
    return new Workspace(output, policy.name ?? output, folder, await Journal.open(path.join(folder, 'journal.json')));
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

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(path.join(this.folder, LOCK_NAME), { force: true });
  }
}

/** Two commands must not work in one folder; a lock whose process is gone belongs to nobody. */
async function lock(file: string, output: string): Promise<void> {
  for (;;) {
    try {
      await writeFile(file, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number((await readFile(file, 'utf8').catch(() => '')).trim());
    if (isOtherProcessAlive(holder)) {
      throw new CliError(
        EXIT_CODE.PRECONDITION,
        `${output}: another pemmican (process ${holder}) is at work in this folder`,
        {
          reason: 'OUTPUT_IN_USE',
        },
      );
    }
    await rm(file, { force: true });
  }
}

function isOtherProcessAlive(processId: number): boolean {
  if (!Number.isSafeInteger(processId) || processId <= 0 || processId === process.pid) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
