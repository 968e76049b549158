import type { Checkpoint, FolderReader, FolderWriter } from '@pemmican/safetensors';

import { copyCompanionFiles } from './companion-files.ts';
import { CONFIG_FILE_NAME, type ModelConfig } from './config-file.ts';
import { plannedBytes, writePlannedCheckpoint, type PlannedShard } from './planned-checkpoint.ts';

/** How far writing a model is; bytes of tensors. */
export interface SurgeryProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** The tensor that was being written last. */
  readonly tensorName: string;
}

/** Where a model goes. */
export interface SurgeryTarget {
  /** Committed when everything is written, aborted on any error. */
  readonly destination: FolderWriter;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SurgeryProgress) => void;
}

/** Commits a folder when `write` is done, aborts it on any error. */
export async function committed<Result>(destination: FolderWriter, write: () => Promise<Result>): Promise<Result> {
  try {
    const result = await write();
    await destination.commit();
    return result;
  } catch (error) {
    await destination.abort();
    throw error;
  }
}

/**
 * Writes a model that is made of another: its tensors, the files of that one's tokenizer and its licence, and a config.
 * @returns bytes of all tensors
 */
export async function writeModelFolder(
  model: {
    readonly folder: FolderReader;
    readonly checkpoint: Checkpoint;
    readonly shards: readonly PlannedShard[];
    readonly config: ModelConfig;
    /** Whether its token ids are the source's. */
    readonly hasFullTokenIds: boolean;
  },
  { destination, signal, onProgress }: SurgeryTarget,
): Promise<number> {
  const totalBytes = plannedBytes(model.shards);
  let doneBytes = 0;
  const onBytes = (byteCount: number, tensorName: string): void =>
    onProgress?.({ doneBytes: (doneBytes += byteCount), totalBytes, tensorName });
  await writePlannedCheckpoint(destination, model.checkpoint, model.shards, { signal, onBytes });
  await copyCompanionFiles(model.folder, destination, { signal, hasFullTokenIds: model.hasFullTokenIds });
  await destination.write(CONFIG_FILE_NAME, (sink) => sink.write(model.config.encode()));
  return totalBytes;
}
