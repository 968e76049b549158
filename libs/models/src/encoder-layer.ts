import { add, addConstant, scale, softmax, type Tensor } from '@pemmican/graph';
import type { Activation, ForwardContext } from './forward-context.ts';
import type { ParameterList } from './parameter-list.ts';

/** Names of an encoder layer's parts, without `.weight` and `.bias`. */
export interface EncoderLayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly intermediate: string;
  readonly output: string;
  readonly outputNorm: string;
}

export interface EncoderLayerOptions {
  readonly hiddenSize: number;
  readonly headCount: number;
  readonly activation: Activation;
  readonly layerNormEpsilon: number;
  readonly attentionDropout: number;
  /** Of the attention's output. */
  readonly attentionOutputDropout: number;
  /** Of the feed-forward network's output. */
  readonly outputDropout: number;
  /** `[batch, 1, 1, length]`, what is added to the scores of padding; gets no gradient. */
  readonly paddingScores: Tensor;
  /** `[1, headCount, length, length]`, learned scores of relative positions. */
  readonly positionScores?: Tensor;
}

/** BERT's layer names under a prefix such as `bert.encoder.layer.0`. */
export function bertLayerNames(prefix: string): EncoderLayerNames {
  return {
    query: `${prefix}.attention.self.query`,
    key: `${prefix}.attention.self.key`,
    value: `${prefix}.attention.self.value`,
    attentionOutput: `${prefix}.attention.output.dense`,
    attentionNorm: `${prefix}.attention.output.LayerNorm`,
    intermediate: `${prefix}.intermediate.dense`,
    output: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
}

interface LayerSizes {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
}

/** Adds a layer's parameters in the order of transformers' state dict. */
export function addEncoderLayer(list: ParameterList, names: EncoderLayerNames, sizes: LayerSizes): void {
  for (const name of [names.query, names.key, names.value]) list.linear(name, sizes.hiddenSize, sizes.hiddenSize);
  addAttentionOutputAndFeedForward(list, names, sizes);
}

/** What follows queries, keys and values. */
export function addAttentionOutputAndFeedForward(
  list: ParameterList,
  names: EncoderLayerNames,
  { hiddenSize, intermediateSize }: LayerSizes,
): void {
  list.linear(names.attentionOutput, hiddenSize, hiddenSize);
  list.layerNorm(names.attentionNorm, hiddenSize);
  list.linear(names.intermediate, intermediateSize, hiddenSize);
  list.linear(names.output, hiddenSize, intermediateSize);
  list.layerNorm(names.outputNorm, hiddenSize);
}

/**
 * A transformer encoder layer with the normalization after each residual sum (arXiv 1706.03762, BERT's kin).
 * @param x `[tokens, hiddenSize]`
 */
export function encoderLayer(
  context: ForwardContext,
  x: Tensor,
  names: EncoderLayerNames,
  options: EncoderLayerOptions,
): Tensor {
  return feedForward(context, attention(context, x, names, options), names, options);
}

function attention(context: ForwardContext, x: Tensor, names: EncoderLayerNames, options: EncoderLayerOptions): Tensor {
  const { builder } = context;
  const { headCount } = options;
  const headSize = options.hiddenSize / headCount;
  const heads = (value: Tensor): Tensor => context.splitHeads(value, headCount, headSize);
  const query = heads(scale(builder, context.linear(x, names.query), 1 / Math.sqrt(headSize)));
  const key = heads(context.linear(x, names.key));
  const value = heads(context.linear(x, names.value));
  let scores = context.matmul(query, key, { transposeB: true });
  if (options.positionScores !== undefined) scores = add(builder, scores, options.positionScores);
  scores = addConstant(builder, scores, options.paddingScores);
  const probabilities = context.dropout(softmax(builder, scores), options.attentionDropout);
  const merged = context.mergeHeads(context.matmul(probabilities, value), headCount, headSize);
  return attentionOutput(context, merged, x, names, options);
}

/**
 * The attention's output matrix, residual sum and normalization.
 * @param mixed values weighted by attention, `[tokens, hiddenSize]`
 * @param x the layer's input
 */
export function attentionOutput(
  context: ForwardContext,
  mixed: Tensor,
  x: Tensor,
  names: EncoderLayerNames,
  options: EncoderLayerOptions,
): Tensor {
  const output = context.dropout(context.linear(mixed, names.attentionOutput), options.attentionOutputDropout);
  return context.layerNorm(add(context.builder, output, x), names.attentionNorm, options.layerNormEpsilon);
}

/** The feed-forward network, residual sum and normalization. */
export function feedForward(
  context: ForwardContext,
  x: Tensor,
  names: EncoderLayerNames,
  options: EncoderLayerOptions,
): Tensor {
  const inner = context.recomputed(context.linear(x, names.intermediate), names.output, [], (input) =>
    context.linear(context.activation(input, options.activation), names.output),
  );
  const output = context.dropout(inner, options.outputDropout);
  return context.layerNorm(add(context.builder, output, x), names.outputNorm, options.layerNormEpsilon);
}
