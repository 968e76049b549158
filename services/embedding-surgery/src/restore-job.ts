import { status as grpcStatus } from '@grpc/grpc-js';
import type { RestoreSpec, SurgeryResult } from '@pemmican/contract/surgery';
import { readManifest, restoreCheckpoint, type RestoreInputs } from '@pemmican/embedding';
import { RpcError } from '@pemmican/rpc';
import type { FolderReader } from '@pemmican/safetensors';
import { artifactName, createFolder, openFolder, readJson } from '@pemmican/storage';
import { withSpan } from '@pemmican/telemetry';
import type { TokenIdMapManifest } from '@pemmican/vocabulary';
import { mergeJob, readAdapter } from './merge-job.ts';
import { isRestored, tensorBytes, withCheckpoint } from './finished-output.ts';
import type { SurgeryHooks } from './surgery-hooks.ts';

const TRAINER_STATE_FILE_NAME = 'trainer_state.json';
const MAX_STATE_BYTES = 10_000_000;

/** What a restore is made of, read and checked. */
interface RestorePlan {
  readonly inputs: RestoreInputs & { readonly unusedRowDecay: number };
  readonly manifest: TokenIdMapManifest;
  readonly sourceBytes: number;
}

/** Writes the full checkpoint that a spec asks for. */
export async function restoreJob(spec: RestoreSpec, hooks: SurgeryHooks): Promise<SurgeryResult> {
  const adapter = await readAdapter(await openFolder(spec.trainedUri));
  if (adapter !== undefined) return mergeJob(spec, adapter, hooks);
  const plan = await withSpan('plan restore', {}, () => planRestore(spec, hooks));
  const { inputs, sourceBytes } = plan;
  if (hooks.isRecovered && !spec.overwrite && (await isRestored(spec.outputUri, inputs, hooks.signal)))
    return toResult(spec, plan, await withCheckpoint(await openFolder(spec.outputUri), tensorBytes));
  const destination = await createFolder(spec.outputUri, { overwrite: spec.overwrite, expectedBytes: sourceBytes });
  const { writtenBytes } = await withSpan('copy tensors', { 'pemmican.bytes': sourceBytes }, () =>
    restoreCheckpoint({
      ...inputs,
      destination,
      signal: hooks.signal,
      onProgress: ({ doneBytes, totalBytes, tensorName }) => {
        hooks.onProgress({ writtenBytes: doneBytes, totalBytes, tensorName });
      },
    }),
  );
  return toResult(spec, plan, writtenBytes);
}

/**
 * Opens what a restore reads.
 * @throws RpcError, EmbeddingError, StorageError, SafetensorsError, VocabularyError
 */
export async function planRestore(spec: RestoreSpec, hooks: Pick<SurgeryHooks, 'hub'>): Promise<RestorePlan> {
  const source = await openFolder(spec.modelUri, { hub: hooks.hub });
  const trained = await openFolder(spec.trainedUri);
  const manifest = await readManifest(trained);
  const sourceBytes = await withCheckpoint(source, tensorBytes);
  const unusedRowDecay = spec.unusedRowDecay ? await readDecayFactor(trained) : 1;
  return { inputs: { source, trained, unusedRowDecay }, manifest, sourceBytes };
}

function toResult(spec: RestoreSpec, plan: RestorePlan, outputBytes: number): SurgeryResult {
  const { manifest } = plan;
  return {
    fullVocabSize: manifest.fullVocabSize,
    reducedVocabSize: manifest.reducedVocabSize,
    sourceBytes: plan.sourceBytes,
    outputBytes,
    keptTokenIdsDigest: manifest.keptTokenIdsDigest,
    tensorNames: manifest.reducedTensors.map((tensor) => tensor.name),
    outputUri: artifactName(spec.outputUri),
    unusedRowFactor: plan.inputs.unusedRowDecay,
    mergedModuleCount: 0,
    mergedRowCount: 0,
  };
}

/** The product of decays over the steps of the trained checkpoint, as its trainer recorded it. */
async function readDecayFactor(trained: FolderReader): Promise<number> {
  const state = await readJson(trained, TRAINER_STATE_FILE_NAME, { maxBytes: MAX_STATE_BYTES });
  const factor =
    typeof state === 'object' && state !== null
      ? (state as Record<string, unknown>)['unusedRowDecayFactor']
      : undefined;
  if (typeof factor === 'number' && factor > 0 && factor <= 1) return factor;
  const file = `${trained.name}/${TRAINER_STATE_FILE_NAME}`;
  throw new RpcError({
    code: grpcStatus.FAILED_PRECONDITION,
    reason: 'UNKNOWN_DECAY',
    message: `${file}: ${state === undefined ? 'there is no such file' : `unusedRowDecayFactor is ${JSON.stringify(factor)}, not a number above 0 and at most 1`}, so the decay of unused rows is not known`,
    metadata: { file },
  });
}
