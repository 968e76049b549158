import { areEqualTensors, firstTensorDifference, type Checkpoint } from '@pemmican/safetensors';

import type { ModelConfig } from './config-file.ts';
import { outputMatrixNames, severalMatrices, type EmbeddingMatrix } from './embedding-matrix.ts';

/** The tensors of a checkpoint that are its embedding matrix. */
export interface EmbeddingNames {
  /** Of inputs, and of the output matrix where that is stored as a copy. */
  readonly names: ReadonlySet<string>;
  /** Whether a language-model head shares the matrix. */
  readonly isTied: boolean;
}

// transformers ties their output matrix whatever the config says, unless a checkpoint has one that differs (its `tie_weights`).
const TIED_BY_CHECKPOINT: readonly unknown[] = ['t5', 'mt5'];

/**
 * Compares what may be copies of the embedding matrix, byte for byte: older checkpoints of encoder-decoders have it by three
 * or four names (`shared.weight`, `embed_tokens.weight` of each stack, a tied `lm_head.weight`).
 * @throws EmbeddingError UNSUPPORTED_MODEL for input matrices that differ
 */
export async function embeddingNames(
  checkpoint: Checkpoint,
  config: ModelConfig,
  { tensor, others }: EmbeddingMatrix,
  signal?: AbortSignal,
): Promise<EmbeddingNames> {
  const names = new Set([tensor.name]);
  for (const other of others) {
    const at = await firstTensorDifference(checkpoint, tensor.name, other.name, signal);
    if (at >= 0) throw severalMatrices(checkpoint.name, tensor, other, `at byte ${at} of ${tensor.lengthBytes}`);
    names.add(other.name);
  }
  const mayBeTied =
    TIED_BY_CHECKPOINT.includes(config.get('model_type')) || config.get('tie_word_embeddings') !== false;
  const outputNames = outputMatrixNames(checkpoint);
  if (!mayBeTied || outputNames.length === 0) return { names, isTied: mayBeTied };
  let isTied = false;
  for (const outputName of outputNames) {
    // A copy that differs is a matrix of its own, whatever the config says (`tie_weights` again).
    if (!(await areEqualTensors(checkpoint, tensor.name, outputName, signal))) continue;
    names.add(outputName);
    isTied = true;
  }
  return { names, isTied };
}
