import { gatherRows, type Tensor } from '@pemmican/graph';
import type { Activation, ForwardContext } from './forward-context.ts';
import type { ModelOutput, Task } from './model-family.ts';
import type { ParameterList } from './parameter-list.ts';

export const ENCODER_TASKS: readonly Task[] = ['sequence-classification', 'regression', 'masked-lm'];
export const DECODER_TASKS: readonly Task[] = ['sequence-classification', 'regression', 'causal-lm'];

/** Names of a masked language model's head, without `.weight` and `.bias`. */
export interface MaskedLanguageModelNames {
  readonly dense: string;
  readonly norm: string;
  /** The matrix onto the vocabulary where it is not the embedding matrix. */
  readonly decoder: string;
  /** Whole name of the bias over the vocabulary where the matrix is tied; otherwise the decoder has it. */
  readonly tiedBias: string;
}

export interface MaskedLanguageModelOptions {
  readonly hiddenSize: number;
  /** Width of the output matrix' rows: hiddenSize but in ELECTRA. */
  readonly outputSize: number;
  readonly activation: Activation;
  readonly layerNormEpsilon: number;
  readonly isTied: boolean;
  readonly embeddingMatrixName: string;
}

/** Hidden states at the places that predict a token, `[targets, hiddenSize]`. */
export function targetRows(context: ForwardContext, hidden: Tensor): Tensor {
  const { targetPositions } = context.inputs;
  if (targetPositions === undefined) throw new TypeError('Language modeling needs target positions');
  return gatherRows(context.builder, context.dimensions, hidden, targetPositions);
}

export function addMaskedLanguageModelHead(
  list: ParameterList,
  names: MaskedLanguageModelNames,
  options: MaskedLanguageModelOptions,
  vocabRows: number,
): void {
  list.linear(names.dense, options.outputSize, options.hiddenSize);
  list.layerNorm(names.norm, options.outputSize);
  if (!options.isTied) list.weight(names.decoder, [vocabRows, options.outputSize]);
  list.vector(biasName(names, options), vocabRows);
}

function biasName(names: MaskedLanguageModelNames, options: MaskedLanguageModelOptions): string {
  return options.isTied ? names.tiedBias : `${names.decoder}.bias`;
}

/**
 * A dense layer, an activation and a normalization before the output matrix, of the places that predict a token and no
 * others.
 * @param hidden `[tokens, hiddenSize]`
 */
export function maskedLanguageModelHead(
  context: ForwardContext,
  hidden: Tensor,
  names: MaskedLanguageModelNames,
  options: MaskedLanguageModelOptions,
): ModelOutput {
  const dense = context.linear(targetRows(context, hidden), names.dense);
  const activated = context.activation(dense, options.activation);
  return {
    kind: 'vocabulary',
    hidden: context.layerNorm(activated, names.norm, options.layerNormEpsilon),
    matrix: context.parameter(options.isTied ? options.embeddingMatrixName : `${names.decoder}.weight`),
    bias: context.parameter(biasName(names, options)),
  };
}
