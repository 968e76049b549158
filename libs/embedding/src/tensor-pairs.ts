import { CONVERTIBLE_DTYPES, isConvertible, type Checkpoint, type Dtype, type TensorInfo } from '@pemmican/safetensors';
import type { ReducedTensor } from '@pemmican/vocabulary';

import type { ModelConfig } from './config-file.ts';
import { EmbeddingError } from './error.ts';
import { basePrefix, canonicalName, nameWithPrefix, type TensorNaming } from './tensor-names.ts';

/** A tensor of the restored checkpoint with what it comes from. */
export interface TensorPair {
  /** Its name in the restored checkpoint. */
  readonly name: string;
  readonly source: TensorInfo | undefined;
  readonly trained: TensorInfo | undefined;
  /** Whether it is the embedding matrix, by this name or another. */
  readonly isEmbedding: boolean;
  /** Whether its rows were selected: the embedding, and what else the manifest names. */
  readonly hasSelectedRows: boolean;
}

/** A checkpoint with the names of its embedding matrix. */
export interface NamedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Its first name. */
  readonly embeddingName: string;
  readonly embeddingNames: ReadonlySet<string>;
}

/** Pairs the tensors of two checkpoints, whatever prefix and LayerNorm names each uses. */
export class TensorPairs {
  readonly embedding: TensorPair;
  readonly #ofSource = new Map<string, TensorPair>();
  /** Tensors that the source does not have: a new head or pooler. */
  readonly added: readonly TensorPair[];

  /** @throws EmbeddingError SHAPE_MISMATCH, UNSUPPORTED_DTYPE */
  constructor(
    { checkpoint: source, ...ofSource }: NamedCheckpoint,
    { checkpoint: trained, ...ofTrained }: NamedCheckpoint,
    config: ModelConfig,
    naming: TensorNaming,
    reducedTensors: readonly ReducedTensor[],
  ) {
    const prefix = prefixOf(config, ofSource.embeddingName, ofTrained.embeddingName);
    const canonical = (name: string): string => canonicalName(name, prefix);
    const isPrefixed = naming === 'task-model' || (prefix !== undefined && ofSource.embeddingName.startsWith(prefix));
    const reducedShapes = new Map(reducedTensors.map((tensor) => [tensor.name, tensor.reducedShape]));
    const trainedByName = new Map<string, TensorInfo>();
    for (const name of trained.tensorNames) {
      const other = trainedByName.get(canonical(name));
      if (other !== undefined)
        throw new EmbeddingError(
          'SHAPE_MISMATCH',
          trained.name,
          `has the same tensor twice, as "${other.name}" and "${name}"`,
        );
      trainedByName.set(canonical(name), trained.get(name));
    }
    for (const sourceName of source.tensorNames) {
      const name = naming === 'source' ? sourceName : nameWithPrefix(sourceName, prefix, isPrefixed);
      const ownOfTrained = trainedByName.get(canonical(sourceName));
      // A copy in the source that became a matrix of its own in training, as an output matrix can, is none any more.
      const isEmbedding =
        ofSource.embeddingNames.has(sourceName) &&
        (ownOfTrained === undefined || ofTrained.embeddingNames.has(ownOfTrained.name));
      const pair = {
        name,
        source: source.get(sourceName),
        trained: isEmbedding ? trained.get(ofTrained.embeddingName) : ownOfTrained,
        isEmbedding,
        hasSelectedRows: isEmbedding || reducedShapes.has(sourceName),
      };
      trainedByName.delete(canonical(sourceName));
      if (pair.trained !== undefined)
        checkPair(trained, pair.source, pair.trained, isEmbedding, reducedShapes.get(sourceName));
      this.#ofSource.set(sourceName, pair);
    }
    // The trained checkpoint's further names of the matrix are not the source's.
    const added = [...trainedByName.values()].filter(({ name }) => !ofTrained.embeddingNames.has(name));
    this.added = added.map((tensor) => ({
      name: nameWithPrefix(tensor.name, prefix, isPrefixed),
      source: undefined,
      trained: tensor,
      isEmbedding: false,
      hasSelectedRows: false,
    }));
    this.embedding = this.ofSource(ofSource.embeddingName);
  }

  /** The pair of a tensor of the source. */
  ofSource(name: string): TensorPair {
    const pair = this.#ofSource.get(name);
    if (pair === undefined) throw new RangeError(`"${name}" is no tensor of the source`);
    return pair;
  }
}

/** The base model's prefix by the config's model_type; for types not known here, what one embedding's name has before the other's. */
function prefixOf(config: ModelConfig, sourceName: string, trainedName: string): string | undefined {
  const modelType = config.get('model_type');
  const known = basePrefix(typeof modelType === 'string' ? modelType : undefined);
  if (known !== undefined) return known;
  const [short, long] = sourceName.length < trainedName.length ? [sourceName, trainedName] : [trainedName, sourceName];
  return long !== short && long.endsWith(`.${short}`) ? long.slice(0, -short.length) : undefined;
}

function checkPair(
  trainedCheckpoint: Checkpoint,
  source: TensorInfo,
  trained: TensorInfo,
  isEmbedding: boolean,
  reducedShape: readonly number[] | undefined,
): void {
  // The head of another task has another number of labels: it is replaced as a whole.
  const isHead = /^(?:pre_classifier|classifier|score|qa_outputs)\b/.test(source.name);
  const expected = reducedShape ?? source.shape;
  if (!isEmbedding && !isHead && expected.join() !== trained.shape.join()) {
    throw new EmbeddingError(
      'SHAPE_MISMATCH',
      trainedCheckpoint.name,
      `tensor "${trained.name}" is [${trained.shape.join(', ')}], the source's "${source.name}" is [${source.shape.join(', ')}]${reducedShape === undefined ? '' : `, reduced to [${reducedShape.join(', ')}]`}`,
    );
  }
  checkConversion(trainedCheckpoint.name, trained, source.dtype);
}

function checkConversion(path: string, tensor: TensorInfo, dtype: Dtype): void {
  if (tensor.dtype === dtype || (isConvertible(tensor.dtype) && isConvertible(dtype))) return;
  throw new EmbeddingError(
    'UNSUPPORTED_DTYPE',
    path,
    `tensor "${tensor.name}" is ${tensor.dtype} and cannot be written as ${dtype}; convertible are ${CONVERTIBLE_DTYPES.join(', ')}`,
  );
}
