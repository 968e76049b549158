import {
  add, addConstant, after, embeddingPair, gated, multiplyDimensions, rmsNorm, scale, softmax, symbol,
  type Dimension, type Tensor,
} from '@pemmican/graph'; // prettier-ignore
import { MASKED_SCORE, lengthColumn, lengthRange, paddingScores } from './attention-mask.ts';
import { BATCH, LENGTH, TOKENS, type ForwardContext } from './forward-context.ts';
import { targetRows } from './language-model-head.ts';
import type { ModelOutput } from './model-family.ts';
import { relativePositionScores } from './relative-position.ts';
import type { T5Config } from './t5-config.ts';

/* Names of T5's parts, without `.weight`. */
export const EMBEDDINGS = 'shared';
export const OUTPUT = 'lm_head';
export const SELF_ATTENTION = 'SelfAttention';
export const CROSS_ATTENTION = 'EncDecAttention';
export const POSITIONS = 'relative_attention_bias';

const TARGET_LENGTH = symbol('targetLength');
const TARGET_TOKENS = multiplyDimensions(BATCH, TARGET_LENGTH);

export function layerPrefix(stack: 'encoder' | 'decoder', layer: number): string {
  return `${stack}.block.${layer}`;
}

/** The forward pass from source and target ids to what logits of the target's places are the product of. */
export function t5Output(config: T5Config, context: ForwardContext): ModelOutput {
  const { builder } = context;
  const [sources, targets] = embeddings(context);
  const padding = paddingScores(context);
  const encoded = encoder(config, context, sources, padding);
  const decoded = decoder(config, context, targets, encoded, padding);
  // Only the places that predict something pass what follows the layers.
  const last = new T5Layer(config, context, 'decoder', []).norm(targetRows(context, decoded), 'final_layer_norm');
  const hidden = context.dropout(last, config.dropout);
  return {
    kind: 'vocabulary',
    hidden: config.outputScale === 1 ? hidden : scale(builder, hidden, config.outputScale),
    matrix: context.parameter(`${config.isTied ? EMBEDDINGS : OUTPUT}.weight`),
  };
}

/** Rows of the one embedding matrix for source and target, `[tokens, hiddenSize]` and `[targetTokens, hiddenSize]`. */
function embeddings(context: ForwardContext): [Tensor, Tensor] {
  const { inputs } = context;
  if (inputs.decoderInputIds === undefined) throw new TypeError('There are no ids for the decoder to read');
  const matrix = context.parameter(`${EMBEDDINGS}.weight`);
  const sourceIds = context.reshape(inputs.inputIds, [TOKENS]);
  const targetIds = context.reshape(inputs.decoderInputIds, [TARGET_TOKENS]);
  return embeddingPair(context.builder, matrix, [sourceIds, targetIds], symbol('allTokens'));
}

function encoder(config: T5Config, context: ForwardContext, embedded: Tensor, padding: Tensor): Tensor {
  const positions = positionScores(config, context, 'encoder', LENGTH, true);
  let hidden = context.dropout(embedded, config.dropout);
  for (let layer = 0; layer < config.encoderLayerCount; layer++) {
    const prefix = layerPrefix('encoder', layer);
    const attention = { name: SELF_ATTENTION, keyLength: LENGTH, queryLength: LENGTH, positions, mask: padding };
    hidden = context.layer(hidden, `${prefix}.`, [positions], (x) =>
      new T5Layer(config, context, prefix, [attention]).apply(x),
    );
  }
  const last = new T5Layer(config, context, 'encoder', []).norm(hidden, 'final_layer_norm');
  return context.dropout(last, config.dropout);
}

/** @param encoded `[tokens, hiddenSize]`, the encoder's output */
function decoder(
  config: T5Config,
  context: ForwardContext,
  embedded: Tensor,
  encoded: Tensor,
  padding: Tensor,
): Tensor {
  const positions = positionScores(config, context, 'decoder', TARGET_LENGTH, false);
  const causal = causalScores(context);
  const self = { name: SELF_ATTENTION, queryLength: TARGET_LENGTH, keyLength: TARGET_LENGTH, positions, mask: causal };
  const cross = { name: CROSS_ATTENTION, queryLength: TARGET_LENGTH, keyLength: LENGTH, mask: padding };
  let hidden = context.dropout(embedded, config.dropout);
  for (let layer = 0; layer < config.decoderLayerCount; layer++) {
    const prefix = layerPrefix('decoder', layer);
    hidden = context.layer(hidden, `${prefix}.`, [positions, encoded], (x) =>
      new T5Layer(config, context, prefix, [self, { ...cross, keys: after(context.builder, encoded, x) }]).apply(x),
    );
  }
  return hidden;
}

/** `[1, headCount, length, length]`; only a stack's first layer has the table, and all layers read it. */
function positionScores(
  { bucketCount, maxDistance }: T5Config,
  context: ForwardContext,
  stack: 'encoder' | 'decoder',
  length: Dimension,
  isBidirectional: boolean,
): Tensor {
  const name = `${layerPrefix(stack, 0)}.layer.0.${SELF_ATTENTION}.${POSITIONS}`;
  return relativePositionScores(context, name, { bucketCount, maxDistance, isBidirectional }, length);
}

/**
 * `[targetLength, targetLength]`: 0 where a token may look, the smallest float for later ones. Padding comes after a target
 * and has no loss, so that it need not be masked.
 */
function causalScores(context: ForwardContext): Tensor {
  const { builder } = context;
  const dtype = builder.floatDtype;
  const square = [TARGET_LENGTH, TARGET_LENGTH];
  const isVisible = builder.add(
    'LessEqual',
    [lengthRange(context, TARGET_LENGTH), lengthColumn(context, TARGET_LENGTH)],
    { T: { kind: 'dtype', value: 'int32' } },
    { dtype: 'bool', shape: square },
  );
  return builder.add(
    'SelectV2',
    [isVisible, builder.constant(0, dtype), builder.constant(MASKED_SCORE, dtype)],
    { T: { kind: 'dtype', value: dtype } },
    { dtype, shape: square },
  );
}

interface T5Attention {
  readonly name: string;
  readonly queryLength: Dimension;
  readonly keyLength: Dimension;
  /** What keys and values are made of; not given: the layer's own input. */
  readonly keys?: Tensor;
  /** `[1, headCount, queryLength, keyLength]`, with a gradient. */
  readonly positions?: Tensor;
  /** Added to the scores; gets no gradient. */
  readonly mask: Tensor;
}

/** One layer: attentions, each with a normalization before and a residual sum after it, and a feed-forward network. */
class T5Layer {
  readonly #config: T5Config;
  readonly #context: ForwardContext;
  readonly #prefix: string;
  readonly #attentions: readonly T5Attention[];

  constructor(config: T5Config, context: ForwardContext, prefix: string, attentions: readonly T5Attention[]) {
    this.#config = config;
    this.#context = context;
    this.#prefix = prefix;
    this.#attentions = attentions;
  }

  apply(x: Tensor): Tensor {
    const { builder } = this.#context;
    const residual = (before: Tensor, change: Tensor): Tensor =>
      add(builder, before, this.#context.dropout(change, this.#config.dropout));
    let hidden = x;
    this.#attentions.forEach((attention, index) => {
      const name = `layer.${index}`;
      const normalized = this.norm(hidden, `${name}.layer_norm`);
      hidden = residual(hidden, this.#attention(normalized, `${name}.${attention.name}`, attention));
    });
    const name = `layer.${this.#attentions.length}`;
    const fed = this.#feedForward(this.norm(hidden, `${name}.layer_norm`), `${name}.DenseReluDense`);
    return residual(hidden, fed);
  }

  norm(x: Tensor, name: string): Tensor {
    const weight = this.#context.parameter(`${this.#prefix}.${name}.weight`);
    return rmsNorm(this.#context.builder, x, weight, this.#config.normEpsilon);
  }

  /** Scores are not scaled: the queries' first weights are (arXiv 1910.10683, transformers' T5Attention). */
  #attention(x: Tensor, name: string, attention: T5Attention): Tensor {
    const context = this.#context;
    const { builder } = context;
    const { headCount, headSize, dropout } = this.#config;
    const { queryLength, keyLength, keys = x, positions, mask } = attention;
    const heads = (input: Tensor, part: string, length: Dimension): Tensor =>
      context.splitHeads(this.#linear(input, `${name}.${part}`), headCount, headSize, length);
    const query = heads(x, 'q', queryLength);
    const key = heads(keys, 'k', keyLength);
    const value = heads(keys, 'v', keyLength);
    let scores = context.matmul(query, key, { transposeB: true });
    if (positions !== undefined) scores = add(builder, scores, positions);
    const probabilities = context.dropout(softmax(builder, addConstant(builder, scores, mask)), dropout);
    const mixed = context.matmul(probabilities, value);
    return this.#linear(context.mergeHeads(mixed, headCount, headSize, queryLength), `${name}.o`);
  }

  /** The widest tensors are computed again in the backward pass. */
  #feedForward(x: Tensor, name: string): Tensor {
    const context = this.#context;
    const { builder } = context;
    const { activation, dropout, isGated } = this.#config;
    const activate = (value: Tensor): Tensor => context.activation(value, activation);
    const up = isGated ? this.#linear(x, `${name}.wi_1`) : undefined;
    const first = this.#linear(x, isGated ? `${name}.wi_0` : `${name}.wi`);
    const shared = up === undefined ? [] : [up];
    return context.recomputed(first, `${this.#prefix}.${name}.wo`, shared, (input) => {
      const inner = up === undefined ? activate(input) : gated(builder, input, up, activate);
      return this.#linear(context.dropout(inner, dropout), `${name}.wo`);
    });
  }

  #linear(x: Tensor, name: string): Tensor {
    return this.#context.linearWithoutBias(x, `${this.#prefix}.${name}`);
  }
}
