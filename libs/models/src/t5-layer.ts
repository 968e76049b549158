import { add, addConstant, gated, rmsNorm, softmax, type Dimension, type Tensor } from '@pemmican/graph';
import type { ForwardContext } from './forward-context.ts';
import type { T5Config } from './t5-config.ts';

/* Names of T5's parts, without `.weight`. */
export const EMBEDDINGS = 'shared';
export const OUTPUT = 'lm_head';
export const SELF_ATTENTION = 'SelfAttention';
export const CROSS_ATTENTION = 'EncDecAttention';
export const POSITIONS = 'relative_attention_bias';

export function layerPrefix(stack: 'encoder' | 'decoder', layer: number): string {
  return `${stack}.block.${layer}`;
}

/** What an attention looks at, each `[batch, headCount, keyLength, headSize]`. */
export interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** An attention of a layer. */
export interface T5Attention {
  readonly name: string;
  readonly queryLength: Dimension;
  readonly keyLength: Dimension;
  /** What keys and values are made of; not given: the layer's own input. */
  readonly keys?: Tensor;
  /**
   * Keys and values to look at in place of those that the layer makes.
   * @param own makes the layer's own
   */
  readonly remembered?: (own: () => KeysAndValues) => KeysAndValues;
  /** `[1, headCount, queryLength, keyLength]`, with a gradient. */
  readonly positions?: Tensor;
  /** Added to the scores; gets no gradient. Not given: every key may be looked at. */
  readonly mask?: Tensor;
}

/** One layer: attentions, each with a normalization before and a residual sum after it, and a feed-forward network. */
export class T5Layer {
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

  /** Keys and values that the attention `name` makes of `x`, `[batch * length, hiddenSize]`. */
  keysAndValues(x: Tensor, name: string, length: Dimension): KeysAndValues {
    return { keys: this.#heads(x, `${name}.k`, length), values: this.#heads(x, `${name}.v`, length) };
  }

  /** Scores are not scaled: the queries' first weights are (arXiv 1910.10683, transformers' T5Attention). */
  #attention(x: Tensor, name: string, attention: T5Attention): Tensor {
    const context = this.#context;
    const { builder } = context;
    const { headCount, headSize, dropout } = this.#config;
    const { queryLength, keyLength, keys: keysOf = x, positions, mask } = attention;
    const query = this.#heads(x, `${name}.q`, queryLength);
    const own = (): KeysAndValues => this.keysAndValues(keysOf, name, keyLength);
    const { keys, values } = attention.remembered?.(own) ?? own();
    let scores = context.matmul(query, keys, { transposeB: true });
    if (positions !== undefined) scores = add(builder, scores, positions);
    if (mask !== undefined) scores = addConstant(builder, scores, mask);
    const mixed = context.matmul(context.dropout(softmax(builder, scores), dropout), values);
    return this.#linear(context.mergeHeads(mixed, headCount, headSize, queryLength), `${name}.o`);
  }

  /** A projection, `[batch, headCount, length, headSize]`. */
  #heads(x: Tensor, name: string, length: Dimension): Tensor {
    const { headCount, headSize } = this.#config;
    return this.#context.splitHeads(this.#linear(x, name), headCount, headSize, length);
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
