import {
  Checkpoint,
  isConvertible,
  type Dtype,
  type FolderReader,
  type Shard,
  type TensorInfo,
} from '@pemmican/safetensors';
import type { TokenIdMap } from '@pemmican/vocabulary';

import { convertPart } from './byte-part.ts';
import { ModelConfig } from './config-file.ts';
import { findEmbeddingMatrix, type EmbeddingMatrix } from './embedding-matrix.ts';
import { embeddingNames } from './embedding-names.ts';
import { EmbeddingError } from './error.ts';
import { checkManifest, readManifest } from './manifest-check.ts';
import { copyTensor, type PlannedShard, type PlannedTensor } from './planned-checkpoint.ts';
import { insertAligned, restoreConfig } from './restored-checkpoint.ts';
import { mergeRowsPart, rowSourceOf } from './row-parts.ts';
import type { TensorNaming } from './tensor-names.ts';
import { TensorPairs, type NamedCheckpoint, type TensorPair } from './tensor-pairs.ts';
import { committed, writeModelFolder, type SurgeryTarget } from './write-model-folder.ts';

/** What a restored checkpoint is made of. */
export interface RestoreInputs {
  /** The model folder that was reduced. */
  readonly source: FolderReader;
  /** The trained folder, with the token id map's manifest in it. */
  readonly trained: FolderReader;
  /** `source` (default) rounds trained tensors to the source's dtypes; `trained` keeps theirs. */
  readonly dtype?: 'source' | 'trained';
  /**
   * `source` (default): every tensor is named as in the source. `task-model`: the base model's tensors get the prefix that a
   * task model gives them (`bert.`). It matters for a source without prefix that gets a head: transformers 5 opens both,
   * transformers 4 refuses unprefixed tensors beside a head ("The state dictionary ... is corrupted").
   */
  readonly tensorNames?: TensorNaming;
  /**
   * What rows that were not kept are multiplied by: the product of (1 - learningRate * weightDecay) over the steps gives what
   * ordinary fine-tuning with decoupled AdamW makes of them. By default 1, which leaves their bytes as they are.
   */
  readonly unusedRowDecay?: number;
  readonly signal?: AbortSignal;
}

export interface RestoreOptions extends RestoreInputs, SurgeryTarget {}

export interface RestoreResult {
  readonly fullVocabSize: number;
  /** Rows that come from the trained checkpoint. */
  readonly trainedRowCount: number;
  readonly writtenBytes: number;
  /** Names of tensors that the source does not have. */
  readonly addedTensors: readonly string[];
}

/** The two checkpoints of a restore, opened and checked. */
export interface RestorePlan {
  readonly source: Checkpoint;
  readonly trained: Checkpoint;
  readonly config: ModelConfig;
  readonly tokenIdMap: TokenIdMap;
  readonly sourceEmbedding: EmbeddingMatrix;
  readonly trainedEmbedding: EmbeddingMatrix;
  readonly pairs: TensorPairs;
  readonly unusedRowDecay: number;
  /** Dtype of a tensor of the restored checkpoint. */
  dtypeOf(pair: TensorPair): Dtype;
}

/**
 * Writes the full checkpoint: kept rows of the word embedding from the trained checkpoint, all others byte for byte from the
 * source, every other tensor from the trained one (from the source where the trained one lacks it). Names, dtypes, shards,
 * order and metadata are the source's; tensors that only the trained checkpoint has are added to the last shard. Where the
 * source has the embedding by several names, all get the rows, by whichever of them the trained checkpoint has it. config.json
 * is the source's with the task's fields of the trained one; the tokenizer is the source's.
 * @throws EmbeddingError (MANIFEST_MISMATCH when the trained checkpoint is not of this source), SafetensorsError; nothing is
 *   left of the destination then
 */
export async function restoreCheckpoint(options: RestoreOptions): Promise<RestoreResult> {
  return committed(options.destination, () => withRestorePlan(options, (plan) => restore(plan, options)));
}

/** Opens and checks both checkpoints for `action`, and closes them after it. */
export async function withRestorePlan<Result>(
  inputs: RestoreInputs,
  action: (plan: RestorePlan) => Promise<Result>,
): Promise<Result> {
  const { dtype = 'source', tensorNames = 'source', unusedRowDecay = 1 } = inputs;
  if (!Number.isFinite(unusedRowDecay) || unusedRowDecay < 0 || unusedRowDecay > 1) {
    throw new EmbeddingError(
      'INVALID_OPTION',
      inputs.trained.name,
      `unusedRowDecay is ${unusedRowDecay}, not a number from 0 to 1`,
    );
  }
  const manifest = await readManifest(inputs.trained);
  const source = await Checkpoint.open(inputs.source);
  try {
    const trained = await Checkpoint.open(inputs.trained);
    try {
      const config = await ModelConfig.read(inputs.source);
      const sourceEmbedding = findEmbeddingMatrix(source, config);
      // The trained config is not asked for its vocab_size: trainers of other people's write what they like there.
      const trainedEmbedding = findEmbeddingMatrix(trained, config.with({ vocab_size: undefined }));
      const tokenIdMap = await checkManifest(manifest, source, sourceEmbedding, trained, trainedEmbedding);
      const namesOf = async (checkpoint: Checkpoint, matrix: EmbeddingMatrix): Promise<NamedCheckpoint> => {
        const { names } = await embeddingNames(checkpoint, config, matrix, inputs.signal);
        return { checkpoint, embeddingName: matrix.tensor.name, embeddingNames: names };
      };
      const pairs = new TensorPairs(
        await namesOf(source, sourceEmbedding),
        await namesOf(trained, trainedEmbedding),
        config,
        tensorNames,
        manifest.reducedTensors,
      );
      const dtypeOf = ({ source: ofSource, trained: ofTrained }: TensorPair): Dtype => {
        const own = ofTrained?.dtype ?? ofSource?.dtype ?? sourceEmbedding.tensor.dtype;
        if (dtype === 'trained') return own;
        if (ofSource !== undefined) return ofSource.dtype;
        return isConvertible(own) && isConvertible(sourceEmbedding.tensor.dtype) ? sourceEmbedding.tensor.dtype : own;
      };
      return await action({
        source,
        trained,
        config,
        tokenIdMap,
        sourceEmbedding,
        trainedEmbedding,
        pairs,
        unusedRowDecay,
        dtypeOf,
      });
    } finally {
      await trained.close();
    }
  } finally {
    await source.close();
  }
}

async function restore(plan: RestorePlan, options: RestoreOptions): Promise<RestoreResult> {
  const { source: checkpoint, tokenIdMap, pairs } = plan;
  const config = restoreConfig(plan.config, await ModelConfig.read(options.trained), plan.dtypeOf(pairs.embedding));
  const shards = planRestored(plan);
  const writtenBytes = await writeModelFolder(
    { folder: options.source, checkpoint, shards, config, hasFullTokenIds: true },
    options,
  );
  return {
    fullVocabSize: tokenIdMap.fullVocabSize,
    trainedRowCount: tokenIdMap.reducedVocabSize,
    writtenBytes,
    addedTensors: pairs.added.map(({ name }) => name),
  };
}

function planRestored(plan: RestorePlan): PlannedShard[] {
  const shards = plan.source.shards.map((like: Shard) => ({
    like,
    tensors: [...like.file.tensors.keys()].map((name) => planTensor(plan, plan.pairs.ofSource(name))),
  }));
  const last = shards.at(-1);
  for (const pair of plan.pairs.added) if (last !== undefined) insertAligned(last.tensors, planTensor(plan, pair));
  return shards;
}

function planTensor(plan: RestorePlan, pair: TensorPair): PlannedTensor {
  const { source, trained } = pair;
  const dtype = plan.dtypeOf(pair);
  if (trained === undefined) {
    if (source === undefined) throw new RangeError(`"${pair.name}" is in neither checkpoint`);
    return copyTensor(plan.source, source, pair.name);
  }
  if (pair.hasSelectedRows && source !== undefined)
    return {
      name: pair.name,
      dtype,
      shape: source.shape,
      part: mergedRows(plan, source, trained, pair.isEmbedding, dtype),
    };
  if (trained.dtype === dtype) return copyTensor(plan.trained, trained, pair.name);
  const elementCount = trained.shape.reduce((product, size) => product * size, 1);
  const part = convertPart(
    plan.trained.sourceOf(trained.name),
    trained.offsetBytes,
    elementCount,
    trained.dtype,
    dtype,
  );
  return { name: pair.name, dtype, shape: trained.shape, part };
}

/** Decay is what ordinary training does to unused rows of the embedding; it never had others. */
function mergedRows(
  plan: RestorePlan,
  source: TensorInfo,
  trained: TensorInfo,
  isEmbedding: boolean,
  dtype: Dtype,
): ReturnType<typeof mergeRowsPart> {
  return mergeRowsPart({
    full: rowSourceOf(source, plan.source.sourceOf(source.name)),
    trained: rowSourceOf(trained, plan.trained.sourceOf(trained.name)),
    fullVocabSize: plan.sourceEmbedding.rowCount,
    hiddenSize: source.shape.slice(1).reduce((product, size) => product * size, 1),
    keptTokenIds: plan.tokenIdMap.keptTokenIds,
    dtype,
    unusedRowDecay: isEmbedding ? plan.unusedRowDecay : 1,
  });
}
