import {
  checkpointFingerprint,
  mergeAdapter,
  readManifest,
  verifyRestored,
  type MergeOptions,
  type MergeResult,
  type RestoreInputs,
  type VocabularyTensor,
} from '@pemmican/embedding';
import { Checkpoint, type FolderReader } from '@pemmican/safetensors';
import { StorageError, openFolder } from '@pemmican/storage';
import type { TokenIdMap } from '@pemmican/vocabulary';
import { FolderComparison } from './folder-comparison.ts';

/*
 * A service that is killed after a folder got its name and before the store has heard of it does the job again. Then the
 * folder is in the way, and whether it may be taken for the job's own is decided by what it holds: what somebody else put
 * there is never replaced without being asked.
 */

/** Whether the folder holds the very checkpoint that a reduction would write. */
export async function isReduced(
  outputUri: string,
  source: Checkpoint,
  expected: {
    readonly tokenIdMap: TokenIdMap;
    readonly selected: readonly VocabularyTensor[];
    readonly fileNames: readonly string[];
  },
): Promise<boolean> {
  const output = await openIfThere(outputUri);
  if (output === undefined) return false;
  try {
    const manifest = await readManifest(output);
    const names = await output.list();
    return (
      manifest.keptTokenIdsDigest === (await expected.tokenIdMap.digest()) &&
      manifest.reducedTensors.map(({ name }) => name).join() ===
        expected.selected.map(({ tensor }) => tensor.name).join() &&
      manifest.sourceFingerprint === (await checkpointFingerprint(source)) &&
      expected.fileNames.every((name) => names.includes(name))
    );
  } catch {
    return false;
  }
}

/** Whether the folder holds, to the last bit, what a restore would write. */
export async function isRestored(outputUri: string, inputs: RestoreInputs, signal: AbortSignal): Promise<boolean> {
  const restored = await openIfThere(outputUri);
  if (restored === undefined) return false;
  try {
    return (await verifyRestored({ ...inputs, restored, signal })).isIdentical;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/** What a merge that wrote the folder, to the last bit, gave; undefined where the folder holds anything else. */
export async function resultOfMerged(
  outputUri: string,
  inputs: Omit<MergeOptions, 'destination' | 'signal'>,
  signal: AbortSignal,
): Promise<MergeResult | undefined> {
  const merged = await openIfThere(outputUri);
  if (merged === undefined) return undefined;
  try {
    return await mergeAdapter({ ...inputs, destination: new FolderComparison(merged), signal });
  } catch {
    // What is wrong with the inputs, if that is what it is, comes to light when they are merged.
    signal.throwIfAborted();
    return undefined;
  }
}

/** Bytes of a checkpoint's tensors. */
export function tensorBytes(checkpoint: Checkpoint): number {
  return checkpoint.tensorNames.reduce((sum, name) => sum + checkpoint.get(name).lengthBytes, 0);
}

/** Runs `action` with a folder's checkpoint and closes it. */
export async function withCheckpoint<Result>(
  folder: FolderReader,
  action: (checkpoint: Checkpoint) => Promise<Result> | Result,
): Promise<Result> {
  const checkpoint = await Checkpoint.open(folder);
  try {
    return await action(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function openIfThere(uri: string): Promise<FolderReader | undefined> {
  try {
    return await openFolder(uri);
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}
