import {
  appendFile,
  copyFile,
  link,
  open,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { ADAPTER_CONFIG_FILE_NAME, ADAPTER_WEIGHTS_FILE_NAME } from '@pemmican/models';
import type { FolderReader, FolderWriter } from '@pemmican/safetensors';
import { createFolder, makeFolder, openFolder, withStorageErrors } from '@pemmican/storage';
import {
  OPTIMIZER_FILE_NAME,
  TRAINER_STATE_FILE_NAME,
  WEIGHTS_FILE_NAME,
  type CheckpointStore,
} from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';

const CHECKPOINT_NAME = /^checkpoint-(\d{1,15})$/;
const METRICS_FILE_NAME = 'metrics.jsonl';
const OWNER_FILE_NAME = '.pemmican-run';
const WEIGHTS_FILE_NAMES: readonly string[] = [WEIGHTS_FILE_NAME, ADAPTER_WEIGHTS_FILE_NAME];

/** A run's folder: `checkpoint-STEP/` folders, `metrics.jsonl`, and at the end the trained model itself. */
export class RunFolder implements CheckpointStore {
  readonly path: string;

  constructor(folderPath: string) {
    this.path = folderPath;
  }

  /**
   * Makes the folder. What an earlier run left stays until this one has read all its inputs.
   * @throws StorageError, PreconditionError OUTPUT_HOLDS_MODEL
   */
  async prepare(modelFolder: string): Promise<void> {
    await makeFolder(this.path);
    // Checkpoints and the model in the run's folder are replaced: the model that it starts from must not be among them.
    const [output, model] = await Promise.all([realpath(this.path), realpath(modelFolder).catch(() => modelFolder)]);
    if (model === output || model.startsWith(output + path.sep))
      throw new PreconditionError(
        'OUTPUT_HOLDS_MODEL',
        `${this.path}: the model ${modelFolder} lies in the folder of the output, which would be overwritten; name another output`,
      );
  }

  /** Removes the model or adapter that an earlier run left, so that it is never taken for this run's. */
  async forgetModel(): Promise<void> {
    for (const name of [...WEIGHTS_FILE_NAMES, ADAPTER_CONFIG_FILE_NAME])
      await rm(path.join(this.path, name), { force: true });
  }

  /** Whether the checkpoints in the folder are this run's. */
  async isOwnedBy(runName: string): Promise<boolean> {
    const owner = await readFile(path.join(this.path, OWNER_FILE_NAME), 'utf8').catch(() => '');
    return owner === runName;
  }

  /** Marks the folder's checkpoints, those that are there and those to come, as this run's. */
  async own(runName: string): Promise<void> {
    const file = path.join(this.path, OWNER_FILE_NAME);
    await withStorageErrors(file, async () => {
      await writeFile(`${file}.tmp`, runName);
      await rename(`${file}.tmp`, file);
    });
  }

  create(step: number): Promise<FolderWriter> {
    return createFolder(this.checkpointPath(step), { overwrite: true });
  }

  async list(): Promise<number[]> {
    const names = await readdir(this.path);
    return names
      .flatMap((name) => (CHECKPOINT_NAME.test(name) ? [Number(name.slice('checkpoint-'.length))] : []))
      .sort((a, b) => a - b);
  }

  open(step: number): Promise<FolderReader> {
    return openFolder(this.checkpointPath(step));
  }

  remove(step: number): Promise<void> {
    return rm(this.checkpointPath(step), { recursive: true, force: true });
  }

  checkpointPath(step: number): string {
    return path.join(this.path, `checkpoint-${step}`);
  }

  /** Bytes of a checkpoint on disk. */
  async checkpointSizeBytes(step: number): Promise<number> {
    let total = 0;
    for (const name of await readdir(this.checkpointPath(step)))
      total += (await stat(path.join(this.checkpointPath(step), name))).size;
    return total;
  }

  /** Appends a line to `metrics.jsonl`. */
  appendMetrics(line: Readonly<Record<string, unknown>>): Promise<void> {
    const file = path.join(this.path, METRICS_FILE_NAME);
    return withStorageErrors(file, () => appendFile(file, `${JSON.stringify(line)}\n`));
  }

  /** Keeps the lines of the first `step` steps: what came after the checkpoint that the run goes on from happens again. */
  async truncateMetrics(step: number): Promise<void> {
    const file = path.join(this.path, METRICS_FILE_NAME);
    const text = step === 0 ? '' : await readFile(file, 'utf8').catch(() => '');
    const kept = text.split('\n').filter((line) => line !== '' && stepOf(line) <= step);
    await writeFile(`${file}.tmp`, kept.map((line) => `${line}\n`).join(''));
    await rename(`${file}.tmp`, file);
  }

  /** Gives a checkpoint's model files to the run's folder; the weights come last, so that with them the model is whole. */
  async publish(step: number): Promise<void> {
    const source = this.checkpointPath(step);
    const names = (await readdir(source)).filter(
      (name) => name !== OPTIMIZER_FILE_NAME && name !== TRAINER_STATE_FILE_NAME,
    );
    const isWeights = (name: string): boolean => WEIGHTS_FILE_NAMES.includes(name);
    const ordered = [...names.filter((name) => !isWeights(name)), ...names.filter(isWeights)];
    // The state tells `restore` the product of decays.
    for (const name of [TRAINER_STATE_FILE_NAME, ...ordered]) {
      const temporary = path.join(this.path, `.${name}.tmp`);
      await rm(temporary, { force: true });
      // A second name for the same bytes; a copy where the file system has no links.
      await link(path.join(source, name), temporary).catch(() => copyFile(path.join(source, name), temporary));
      await rename(temporary, path.join(this.path, name));
    }
    const handle = await open(this.path, 'r');
    await handle.sync().finally(() => handle.close());
  }
}

function stepOf(line: string): number {
  try {
    const value = (JSON.parse(line) as { step?: unknown }).step;
    return typeof value === 'number' ? value : Infinity;
  } catch {
    // The last line of a killed process may be cut off.
    return Infinity;
  }
}
