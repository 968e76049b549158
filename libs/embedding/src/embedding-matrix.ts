import type { Checkpoint, TensorInfo } from '@pemmican/safetensors';

import type { ModelConfig } from './config-file.ts';
import { EmbeddingError } from './error.ts';

// Names of the input word embedding in transformers' families: BERT's kin, ModernBERT, T5, LLaMA and BART, GPT-2, GPT-NeoX,
// BLOOM (the last under word_embeddings), XLNet.
const INPUT_EMBEDDING =
  /(?:^|\.)(?:word_embeddings|tok_embeddings|shared|embed_tokens|wte|embed_in|word_embedding)\.weight$/;

// Encoder-decoders' name for the matrix that their stacks share.
const SHARED_EMBEDDING = /(?:^|\.)shared\.weight$/;

// Output matrices, which project onto the vocabulary: in a classification run they are neither trained nor touched.
const OUTPUT_MATRIX =
  /(?:^|\.)(?:cls\.predictions\.decoder|lm_head|lm_head\.decoder|generator_lm_head|vocab_projector|embed_out|^decoder)\.weight$/;

// Parts of a language model's head, of which some are as long as the vocabulary.
const OUTPUT_SIDE =
  /(?:^|\.)(?:cls\.predictions|lm_predictions|lm_head|generator_lm_head|vocab_projector|embed_out)(?:\.|$)/;

/** The matrix whose rows a reduction keeps or drops. */
export interface EmbeddingMatrix {
  /** The one that counts where a checkpoint has several: `shared.weight`, else the first. */
  readonly tensor: TensorInfo;
  /** Input matrices of other names, of the same dtype and shape; `embeddingNames` compares them. */
  readonly others: readonly TensorInfo[];
  readonly rowCount: number;
  readonly rowBytes: number;
  /** Elements of a row. */
  readonly hiddenSize: number;
}

/**
 * Finds the input word embedding `[vocabSize, hiddenSize]`.
 * @throws EmbeddingError UNSUPPORTED_MODEL, SHAPE_MISMATCH
 */
export function findEmbeddingMatrix(checkpoint: Checkpoint, config: ModelConfig): EmbeddingMatrix {
  const names = checkpoint.tensorNames.filter((name) => INPUT_EMBEDDING.test(name));
  const modelType = JSON.stringify(config.get('model_type') ?? null);
  const name = names.find((candidate) => SHARED_EMBEDDING.test(candidate)) ?? names[0];
  if (name === undefined) {
    throw new EmbeddingError(
      'UNSUPPORTED_MODEL',
      checkpoint.name,
      `no word embedding matrix is found among its ${checkpoint.tensorNames.length} tensors (model_type ${modelType})`,
    );
  }
  const tensor = checkpoint.get(name);
  const others = names.filter((other) => other !== name).map((other) => checkpoint.get(other));
  const unlike = others.find(({ dtype, shape }) => dtype !== tensor.dtype || shape.join() !== tensor.shape.join());
  if (unlike !== undefined)
    throw severalMatrices(checkpoint.name, tensor, unlike, `${describeTensor(tensor)} and ${describeTensor(unlike)}`);
  const [rowCount, hiddenSize] = tensor.shape;
  if (
    rowCount === undefined ||
    hiddenSize === undefined ||
    tensor.shape.length !== 2 ||
    rowCount === 0 ||
    hiddenSize === 0
  ) {
    throw new EmbeddingError(
      'SHAPE_MISMATCH',
      checkpoint.name,
      `word embedding "${name}" is [${tensor.shape.join(', ')}], not [vocabSize, hiddenSize]`,
    );
  }
  const vocabSize = config.getCount('vocab_size');
  if (vocabSize !== null && vocabSize !== rowCount) {
    throw new EmbeddingError(
      'SHAPE_MISMATCH',
      checkpoint.name,
      `word embedding "${name}" has ${rowCount} rows, config.json says vocab_size ${vocabSize}`,
    );
  }
  if (tensor.lengthBytes % rowCount !== 0)
    throw new EmbeddingError(
      'UNSUPPORTED_DTYPE',
      checkpoint.name,
      `rows of "${name}" (${tensor.dtype}) do not take whole bytes`,
    );
  return { tensor, others, rowCount, rowBytes: tensor.lengthBytes / rowCount, hiddenSize };
}

/** Whether a tensor of this name is the input word embedding. */
export function isInputEmbedding(name: string): boolean {
  return INPUT_EMBEDDING.test(name);
}

/** The names of a checkpoint's output matrices, be they of their own or copies of the embedding matrix. */
export function outputMatrixNames(checkpoint: Checkpoint): string[] {
  return checkpoint.tensorNames.filter((name) => OUTPUT_MATRIX.test(name));
}

function describeTensor({ dtype, shape }: TensorInfo): string {
  return `${dtype} [${shape.join(', ')}]`;
}

/** @param difference what is seen of both */
export function severalMatrices(path: string, one: TensorInfo, other: TensorInfo, difference: string): EmbeddingError {
  return new EmbeddingError(
    'UNSUPPORTED_MODEL',
    path,
    `has two word embedding matrices, "${one.name}" and "${other.name}", which differ (${difference}); one matrix is supported, by several names or not`,
  );
}

/** What a reduction selects rows of. */
export interface VocabularyTensor {
  readonly tensor: TensorInfo;
  readonly rowBytes: number;
}

/**
 * The tensors of which a reduction keeps rows: the word embedding by all names of inputs, and with `restrictsOutput` an output
 * matrix that is in the file, be it a copy or not, and biases over the vocabulary.
 */
export function vocabularyTensors(
  checkpoint: Checkpoint,
  embedding: EmbeddingMatrix,
  restrictsOutput: boolean,
): VocabularyTensor[] {
  const output = checkpoint.tensorNames
    .filter((name) => restrictsOutput && name !== embedding.tensor.name && OUTPUT_SIDE.test(name))
    .map((name) => checkpoint.get(name))
    .filter((tensor) => tensor.shape[0] === embedding.rowCount);
  return [embedding.tensor, ...embedding.others, ...output].map((tensor) => ({
    tensor,
    rowBytes: tensor.lengthBytes / embedding.rowCount,
  }));
}
