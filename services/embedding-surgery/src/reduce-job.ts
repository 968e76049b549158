import type { ReduceSpec, SurgeryResult } from '@pemmican/contract/surgery';
import {
  ModelConfig,
  embeddingNames,
  findEmbeddingMatrix,
  readManifest,
  reduceCheckpoint,
  vocabularyTensors,
} from '@pemmican/embedding';
import type { FolderReader } from '@pemmican/safetensors';
import { artifactName, createFolder, openFolder } from '@pemmican/storage';
import { withSpan } from '@pemmican/telemetry';
import type { TokenIdMap, TokenIdMapManifest } from '@pemmican/vocabulary';
import { isReduced, tensorBytes, withCheckpoint } from './finished-output.ts';
import { keptTokens } from './kept-tokens.ts';
import type { SurgeryHooks } from './surgery-hooks.ts';
import { readUnkTokenId, reducedTokenizerFiles, withFiles, type SmallFile } from './tokenizer-export.ts';

const PEMMICAN_VERSION = '0.1.0';

/** What a reduction is made of, read and checked. */
interface ReducePlan {
  readonly source: FolderReader;
  readonly sourceBytes: number;
  /** Bytes of the tensors that will be written. */
  readonly outputBytes: number;
  readonly tokenIdMap: TokenIdMap;
  readonly files: readonly SmallFile[];
  /** An earlier process of the service wrote the output already. */
  readonly isDone: boolean;
}

/** Writes the reduced checkpoint that a spec asks for. */
export async function reduceJob(spec: ReduceSpec, hooks: SurgeryHooks): Promise<SurgeryResult> {
  const plan = await withSpan('plan reduction', {}, () => planReduction(spec, hooks));
  const { source, tokenIdMap } = plan;
  if (plan.isDone) return toResult(spec, plan, await readManifest(await openFolder(spec.outputUri)));
  const unkTokenId = await readUnkTokenId(source);
  const destination = await createFolder(spec.outputUri, {
    overwrite: spec.overwrite,
    expectedBytes: plan.outputBytes,
  });
  const { manifest } = await withSpan('copy tensors', { 'pemmican.bytes': plan.outputBytes }, () =>
    reduceCheckpoint({
      source,
      tokenIdMap,
      destination: withFiles(destination, plan.files),
      pemmicanVersion: PEMMICAN_VERSION,
      unkTokenId,
      restrictsOutput: spec.restrictOutput,
      signal: hooks.signal,
      onProgress: ({ doneBytes, totalBytes, tensorName }) => {
        hooks.onProgress({ writtenBytes: doneBytes, totalBytes, tensorName });
      },
    }),
  );
  return toResult(spec, plan, manifest);
}

/**
 * Everything that can be refused, before anything is written.
 * @throws RpcError, EmbeddingError, StorageError, SafetensorsError, VocabularyError
 */
export async function planReduction(
  spec: ReduceSpec,
  hooks: Pick<SurgeryHooks, 'hub' | 'isRecovered'>,
): Promise<ReducePlan> {
  const source = await openFolder(spec.modelUri, { hub: hooks.hub });
  return withCheckpoint(source, async (checkpoint) => {
    const config = await ModelConfig.read(source);
    const embedding = findEmbeddingMatrix(checkpoint, config);
    // Compared again where the rows are gathered: few checkpoints have several, and this one is refused early.
    if (embedding.others.length > 0) await embeddingNames(checkpoint, config, embedding);
    const kept = await keptTokens(spec, source, embedding.rowCount);
    const { tokenIdMap } = kept;
    const files = spec.exportTokenizer ? await reducedTokenizerFiles(source, kept) : [];
    const sourceBytes = tensorBytes(checkpoint);
    const selected = vocabularyTensors(checkpoint, embedding, spec.restrictOutput);
    const rowBytes = selected.reduce((sum, tensor) => sum + tensor.rowBytes, 0);
    const outputBytes = sourceBytes - (embedding.rowCount - tokenIdMap.reducedVocabSize) * rowBytes;
    const fileNames = files.map(({ fileName }) => fileName);
    const isDone =
      hooks.isRecovered &&
      !spec.overwrite &&
      (await isReduced(spec.outputUri, checkpoint, { tokenIdMap, selected, fileNames }));
    return { source, sourceBytes, outputBytes, tokenIdMap, files, isDone };
  });
}

function toResult(spec: ReduceSpec, plan: ReducePlan, manifest: TokenIdMapManifest): SurgeryResult {
  return {
    fullVocabSize: manifest.fullVocabSize,
    reducedVocabSize: manifest.reducedVocabSize,
    sourceBytes: plan.sourceBytes,
    outputBytes: plan.outputBytes,
    keptTokenIdsDigest: manifest.keptTokenIdsDigest,
    tensorNames: manifest.reducedTensors.map((tensor) => tensor.name),
    outputUri: artifactName(spec.outputUri),
    unusedRowFactor: 1,
    mergedModuleCount: 0,
    mergedRowCount: 0,
  };
}
