import type { RestoreSpec, SurgeryResult } from '@pemmican/contract/surgery';
import {
  EmbeddingError,
  hasManifest,
  mergeAdapter,
  type AdapterFile,
  type MergeResult,
  type SurgeryProgress as MergeProgress,
} from '@pemmican/embedding';
import {
  ADAPTER_CONFIG_FILE_NAME,
  ADAPTER_ROWS_SUFFIX,
  ADAPTER_TENSOR_PREFIX,
  ADAPTER_WEIGHTS_FILE_NAME,
  loraScaling,
  parseAdapterConfig,
} from '@pemmican/models';
import type { FolderReader } from '@pemmican/safetensors';
import { StorageError, artifactName, createFolder, openFolder, parseLocation, readJson } from '@pemmican/storage';
import { withSpan } from '@pemmican/telemetry';
import { resultOfMerged, tensorBytes, withCheckpoint } from './finished-output.ts';
import type { SurgeryHooks } from './surgery-hooks.ts';

const MAX_CONFIG_BYTES = 10_000_000;

/** An adapter and the model that it is for, as its config names that. */
export interface NamedAdapter extends AdapterFile {
  readonly baseModelName: string;
}

/**
 * What a trained folder says of its adapter; undefined for a whole model.
 * @throws ModelError INVALID_CONFIG
 */
export async function readAdapter(trained: FolderReader): Promise<NamedAdapter | undefined> {
  const fields = await readJson(trained, ADAPTER_CONFIG_FILE_NAME, { maxBytes: MAX_CONFIG_BYTES });
  if (fields === undefined) return undefined;
  const { lora, isInputMajor, tokenIds, baseModelName } = parseAdapterConfig(
    fields,
    `${trained.name}/${ADAPTER_CONFIG_FILE_NAME}`,
  );
  return {
    fileName: ADAPTER_WEIGHTS_FILE_NAME,
    tensorPrefix: ADAPTER_TENSOR_PREFIX,
    scaling: loraScaling(lora),
    isInputMajor,
    rowsSuffix: ADAPTER_ROWS_SUFFIX,
    tokenIds,
    baseModelName,
  };
}

/**
 * The folder that an adapter names as its base, whose token id map says what the adapter's token ids are; undefined where it is
 * none of this machine, none that may be read, or a reduced folder into which the adapter is merged as it is.
 */
async function openReducedBase(
  source: FolderReader,
  name: string,
  { artifactRoots }: SurgeryHooks,
): Promise<FolderReader | undefined> {
  if (await hasManifest(source)) return undefined;
  try {
    artifactRoots.checkRequest({ baseUri: name });
    return parseLocation(name).kind === 'local' ? await openFolder(name) : undefined;
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}

/** Merges an adapter into the whole model that a spec names. */
export async function mergeJob(spec: RestoreSpec, adapter: NamedAdapter, hooks: SurgeryHooks): Promise<SurgeryResult> {
  const source = await openFolder(spec.modelUri, { hub: hooks.hub });
  const trained = await openFolder(spec.trainedUri);
  if (spec.unusedRowDecay && adapter.tokenIds !== undefined)
    throw new EmbeddingError(
      'INVALID_OPTION',
      trained.name,
      `is an adapter with ${adapter.tokenIds.length} embedding rows: it leaves all others as they are, so there is no decay of unused rows (unused_row_decay)`,
    );
  const base = adapter.tokenIds === undefined ? undefined : await openReducedBase(source, adapter.baseModelName, hooks);
  const sourceBytes = await withCheckpoint(source, tensorBytes);
  const inputs = {
    source,
    trained,
    adapter,
    ...(base === undefined ? {} : { base }),
    onProgress: ({ doneBytes, totalBytes, tensorName }: MergeProgress): void => {
      hooks.onProgress({ writtenBytes: doneBytes, totalBytes, tensorName });
    },
  };
  const done =
    hooks.isRecovered && !spec.overwrite ? await resultOfMerged(spec.outputUri, inputs, hooks.signal) : undefined;
  const merge = async (): Promise<MergeResult> => {
    const destination = await createFolder(spec.outputUri, { overwrite: spec.overwrite, expectedBytes: sourceBytes });
    return withSpan('merge', { 'pemmican.bytes': sourceBytes }, () =>
      mergeAdapter({ ...inputs, destination, signal: hooks.signal }),
    );
  };
  const { writtenBytes, mergedModuleCount, mergedRowCount, vocabSize } = done ?? (await merge());
  return {
    fullVocabSize: vocabSize,
    reducedVocabSize: vocabSize,
    sourceBytes,
    outputBytes: writtenBytes,
    keptTokenIdsDigest: '',
    tensorNames: [],
    outputUri: artifactName(spec.outputUri),
    unusedRowFactor: 1,
    mergedModuleCount,
    mergedRowCount,
  };
}
