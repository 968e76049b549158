import { gatherRows, type Tensor } from '@pemmican/graph';
import type { Activation, ForwardContext } from './forward-context.ts';
import type { ModelOutput } from './model-family.ts';
import type { ParameterList } from './parameter-list.ts';

/** A masked language model's head. Names are without `.weight` and `.bias`. */
export interface MaskedLanguageModel {
  readonly dense: string;
  readonly norm: string;
  /** The matrix onto the vocabulary where it is not the embedding matrix. */
  readonly decoder: string;
  /** Whole name of the bias over the vocabulary where the matrix is tied; otherwise the decoder has it. */
  readonly tiedBias: string;
  readonly activation: Activation;
  readonly layerNormEpsilon: number;
}

/** Hidden states at the places that predict a token or have a label, `[targets, hiddenSize]`. */
export function targetRows(context: ForwardContext, hidden: Tensor): Tensor {
  const { targetPositions } = context.inputs;
  if (targetPositions === undefined) throw new TypeError(`There are no target positions in ${context.options.task}`);
  return gatherRows(context.builder, context.dimensions, hidden, targetPositions);
}

/** @param sizes `outputSize` is the width of the output matrix' rows: hiddenSize but in ELECTRA */
export function addMaskedLanguageModelHead(
  list: ParameterList,
  head: MaskedLanguageModel,
  sizes: {
    readonly hiddenSize: number;
    readonly outputSize: number;
    readonly isTied: boolean;
    readonly vocabRows: number;
  },
): void {
  list.linear(head.dense, sizes.outputSize, sizes.hiddenSize);
  list.layerNorm(head.norm, sizes.outputSize);
  if (!sizes.isTied) list.weight(head.decoder, [sizes.vocabRows, sizes.outputSize]);
  list.vector(biasName(head, sizes.isTied), sizes.vocabRows);
}

function biasName(head: MaskedLanguageModel, isTied: boolean): string {
  return isTied ? head.tiedBias : `${head.decoder}.bias`;
}

/**
 * A dense layer, an activation and a normalization before the output matrix, of the places that predict a token and no
 * others.
 * @param hidden `[tokens, hiddenSize]`
 */
export function maskedLanguageModelHead(
  context: ForwardContext,
  hidden: Tensor,
  head: MaskedLanguageModel,
  options: { readonly isTied: boolean; readonly embeddingMatrixName: string },
): ModelOutput {
  const activated = context.activation(context.linear(targetRows(context, hidden), head.dense), head.activation);
  return {
    kind: 'vocabulary',
    hidden: context.layerNorm(activated, head.norm, head.layerNormEpsilon),
    matrix: context.parameter(options.isTied ? options.embeddingMatrixName : `${head.decoder}.weight`),
    bias: context.parameter(biasName(head, options.isTied)),
  };
}
