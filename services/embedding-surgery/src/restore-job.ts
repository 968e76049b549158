import type { RestoreSpec, SurgeryResult } from '@pemmican/contract/surgery';
import { EmbeddingError, readManifest, restoreCheckpoint } from '@pemmican/embedding';
import { createFolder, localPath, openFolder, readJson } from '@pemmican/storage';
import type { FolderReader } from '@pemmican/safetensors';
import type { SurgeryHooks } from './reduce-job.ts';

const TRAINER_STATE_FILE_NAME = 'trainer_state.json';
const MAX_STATE_BYTES = 10_000_000;

/** Writes the full checkpoint that a spec asks for. */
export async function restoreJob(spec: RestoreSpec, hooks: SurgeryHooks): Promise<SurgeryResult> {
  const source = await openFolder(spec.modelUri, { hub: hooks.hub });
  const trained = await openFolder(spec.trainedUri);
  const manifest = await readManifest(trained);
  const unusedRowDecay = spec.unusedRowDecay ? await decayFactor(trained) : 1;
  const destination = await createFolder(spec.outputUri, { overwrite: spec.overwrite });
  const result = await restoreCheckpoint({
    source,
    trained,
    destination,
    unusedRowDecay,
    signal: hooks.signal,
    onProgress: ({ doneBytes, totalBytes }) => {
      hooks.onProgress({ writtenBytes: doneBytes, totalBytes, tensorName: '' });
    },
  });
  return {
    fullVocabSize: result.fullVocabSize,
    reducedVocabSize: result.trainedRowCount,
    sourceBytes: result.writtenBytes,
    outputBytes: result.writtenBytes,
    keptTokenIdsDigest: manifest.keptTokenIdsDigest,
    tensorNames: manifest.reducedTensors.map((tensor) => tensor.name),
    outputUri: localPath(spec.outputUri),
    unusedRowFactor: unusedRowDecay,
  };
}

/** The product of decays over the steps of the trained checkpoint, as its trainer recorded it. */
async function decayFactor(trained: FolderReader): Promise<number> {
  const state = await readJson(trained, TRAINER_STATE_FILE_NAME, { maxBytes: MAX_STATE_BYTES });
  const factor =
    typeof state === 'object' && state !== null
      ? (state as Record<string, unknown>)['unusedRowDecayFactor']
      : undefined;
  if (typeof factor === 'number' && Number.isFinite(factor)) return factor;
  throw new EmbeddingError(
    'INVALID_OPTION',
    `${trained.name}/${TRAINER_STATE_FILE_NAME}`,
    'has no unusedRowDecayFactor, so the decay of unused rows is not known',
  );
}
