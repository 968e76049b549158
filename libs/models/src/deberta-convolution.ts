import { add, multiplyConstant, reshape, slidingWindows, tanh, transpose, linear, type Tensor } from '@pemmican/graph';
import type { ConfigReader } from './config-reader.ts';
import { ACTIVATIONS, BATCH, LENGTH, TOKENS, type ForwardContext } from './forward-context.ts';
import type { ParameterList } from './parameter-list.ts';

const CONVOLUTION = 'deberta.encoder.conv.conv';
const NORM = 'deberta.encoder.conv.LayerNorm';
const CONVOLUTION_ACTIVATIONS = [...ACTIVATIONS, 'tanh'] as const;
// Wider than any that was published (3), and past the longest texts a slip of the pen.
const MAX_KERNEL_SIZE = 1023;

/** The convolution over the sequence that DeBERTa v2 has beside its first layer (transformers' ConvLayer). */
export interface Convolution {
  /** Positions that each one sees, itself in the middle. */
  readonly kernelSize: number;
  readonly activation: (typeof CONVOLUTION_ACTIVATIONS)[number];
}

/** @returns undefined for a model without one */
export function readConvolution(reader: ConfigReader): Convolution | undefined {
  const kernelSize = reader.number('conv_kernel_size', 0, 0, MAX_KERNEL_SIZE);
  if (kernelSize === 0) return undefined;
  // torch pads (kernelSize - 1) // 2 on either side, which only odd kernels keep the length with.
  if (kernelSize % 2 !== 1) reader.fail('conv_kernel_size', `0 or an odd number up to ${MAX_KERNEL_SIZE}`);
  if (reader.count('conv_groups', 1) !== 1) reader.fail('conv_groups', '1');
  return { kernelSize, activation: reader.choice('conv_act', 'tanh', CONVOLUTION_ACTIVATIONS) };
}

export function addConvolution(list: ParameterList, { kernelSize }: Convolution, hiddenSize: number): void {
  list.weight(CONVOLUTION, [hiddenSize, hiddenSize, kernelSize]);
  list.bias(CONVOLUTION, hiddenSize);
  list.layerNorm(NORM, hiddenSize);
}

/** What a recomputation of the first layer has to know of. */
export function convolutionParameters(context: ForwardContext, convolution: Convolution | undefined): Tensor[] {
  if (convolution === undefined) return [];
  return [CONVOLUTION, NORM].flatMap((name) => [
    context.parameter(`${name}.weight`),
    context.parameter(`${name}.bias`),
  ]);
}

/**
 * `mask * LayerNorm(output + activation(dropout(mask * conv(mask * x))))`
 * @param x what the first layer is given, `[tokens, hiddenSize]`
 * @param output what it gives
 */
export function convolution(
  context: ForwardContext,
  { kernelSize, activation }: Convolution,
  x: Tensor,
  output: Tensor,
  config: { readonly hiddenSize: number; readonly hiddenDropout: number; readonly layerNormEpsilon: number },
): Tensor {
  const { builder, dimensions } = context;
  const { hiddenSize } = config;
  const mask = context.reshape(context.inputs.attentionMask, [TOKENS, 1]);
  const masked = (value: Tensor): Tensor => multiplyConstant(builder, value, mask);
  const sequence = context.reshape(masked(x), [BATCH, LENGTH, hiddenSize]);
  const windows = context.reshape(slidingWindows(builder, dimensions, sequence, kernelSize), [
    TOKENS,
    kernelSize * hiddenSize,
  ]);
  // torch has the kernel's positions last, windows have them first.
  const weight = transpose(builder, context.parameter(`${CONVOLUTION}.weight`), [0, 2, 1]);
  const matrix = reshape(builder, dimensions, weight, [hiddenSize, kernelSize * hiddenSize]);
  const convolved = linear(builder, windows, matrix, context.parameter(`${CONVOLUTION}.bias`));
  const dropped = context.dropout(masked(convolved), config.hiddenDropout);
  const activated = activation === 'tanh' ? tanh(builder, dropped) : context.activation(dropped, activation);
  return masked(context.layerNorm(add(builder, output, activated), NORM, config.layerNormEpsilon));
}
