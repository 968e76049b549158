import { add, addConstant, gated, rmsNorm, rotary, scale, softmax, tanh, type Tensor } from '@pemmican/graph';
import { causalScores } from './attention-mask.ts';
import type { DecoderConfig, LayerType } from './decoder-config.ts';
import { addDecoderHead, decoderOutput, decoderTasks } from './decoder-head.ts';
import { BATCH, ForwardContext, LENGTH, TOKENS } from './forward-context.ts';
import type { Model, ModelOutput, ParameterSpec, Task } from './model-family.ts';
import { ParameterList } from './parameter-list.ts';
import { rotaryAngles, type RotaryAngles } from './rope.ts';

const NAMES = { basePrefix: 'model.', embeddingMatrixName: 'model.embed_tokens.weight' };

/**
 * A decoder of Llama's kind: a causal language model, or with a classification head on the last token (transformers'
 * GenericForSequenceClassification).
 */
export function decoderModel(modelType: string, architecturePrefix: string, config: DecoderConfig): Model {
  return {
    modelType,
    vocabSize: config.vocabSize,
    hiddenSize: config.hiddenSize,
    maxSequenceLength: config.maxPositionCount,
    padTokenId: config.padTokenId,
    ...decoderTasks(config, NAMES),
    parameters: (...shape) => parameters(config, ...shape),
    forward: (...graph) => output(config, new ForwardContext(...graph)),
    architecture: (task) =>
      `${architecturePrefix}${task === 'causal-lm' ? 'ForCausalLM' : 'ForSequenceClassification'}`,
  };
}

const layerPrefix = (layer: number): string => `model.layers.${layer}`;

function parameters(
  config: DecoderConfig,
  task: Task,
  labelCount: number,
  vocabRows: number,
  outputRows = vocabRows,
): ParameterSpec[] {
  const { hiddenSize, headSize, intermediateSize } = config;
  const list = new ParameterList();
  const linear = (name: string, outputSize: number, inputSize: number, hasBias: boolean): void => {
    list.linear(name, outputSize, inputSize, { hasBias });
  };
  list.embeddingMatrix(NAMES.embeddingMatrixName, vocabRows, hiddenSize);
  for (let layer = 0; layer < config.layerCount; layer++) {
    const prefix = layerPrefix(layer);
    const queriesSize = config.headCount * headSize;
    const keysSize = config.keyValueHeadCount * headSize;
    linear(`${prefix}.self_attn.q_proj`, queriesSize, hiddenSize, config.hasQueryKeyValueBias);
    linear(`${prefix}.self_attn.k_proj`, keysSize, hiddenSize, config.hasQueryKeyValueBias);
    linear(`${prefix}.self_attn.v_proj`, keysSize, hiddenSize, config.hasQueryKeyValueBias);
    linear(`${prefix}.self_attn.o_proj`, hiddenSize, queriesSize, config.hasAttentionOutputBias);
    if (config.hasQueryKeyNorm) {
      list.norm(`${prefix}.self_attn.q_norm`, headSize);
      list.norm(`${prefix}.self_attn.k_norm`, headSize);
    }
    linear(`${prefix}.mlp.gate_proj`, intermediateSize, hiddenSize, config.hasMlpBias);
    linear(`${prefix}.mlp.up_proj`, intermediateSize, hiddenSize, config.hasMlpBias);
    linear(`${prefix}.mlp.down_proj`, hiddenSize, intermediateSize, config.hasMlpBias);
    list.norm(`${prefix}.input_layernorm`, hiddenSize);
    list.norm(`${prefix}.post_attention_layernorm`, hiddenSize);
    if (config.hasOutputNorms) {
      list.norm(`${prefix}.pre_feedforward_layernorm`, hiddenSize);
      list.norm(`${prefix}.post_feedforward_layernorm`, hiddenSize);
    }
  }
  list.norm('model.norm', hiddenSize);
  addDecoderHead(list, config, task, labelCount, outputRows);
  return list.specs;
}

function output(config: DecoderConfig, context: ForwardContext): ModelOutput {
  const { builder } = context;
  const types = new Set(config.layerTypes);
  const kinds = new Map<LayerType, Attention>();
  for (const type of types) {
    kinds.set(type, {
      scores: causalScores(context, type === 'sliding_attention' ? config.slidingWindow : undefined),
      angles: rotaryAngles(context, config.rope[type], config.headSize),
    });
  }
  let hidden = context.wordEmbedding('model.embed_tokens');
  if (config.embeddingScale !== 1) hidden = scale(builder, hidden, config.embeddingScale);
  config.layerTypes.forEach((type, layer) => {
    const kind = kinds.get(type);
    if (kind === undefined) throw new TypeError(`No attention of type ${type}`);
    const decoder = new DecoderLayer(config, context, layerPrefix(layer), kind);
    hidden = context.layer(hidden, `${layerPrefix(layer)}.`, [], (x) => decoder.apply(x));
  });
  return decoderOutput(config, context, hidden, NAMES, (rows) => norm(config, context, rows, 'model.norm'));
}

/** What layers of one type share. */
interface Attention {
  /** `[batch, 1, length, length]` */
  readonly scores: Tensor;
  readonly angles: RotaryAngles;
}

function norm(config: DecoderConfig, context: ForwardContext, x: Tensor, name: string): Tensor {
  const weight = context.parameter(`${name}.weight`);
  return rmsNorm(context.builder, x, weight, config.normEpsilon, config.normOffset);
}

/** A layer with the normalizations before attention and feed-forward network (pre-norm). */
class DecoderLayer {
  readonly #config: DecoderConfig;
  readonly #context: ForwardContext;
  readonly #prefix: string;
  readonly #kind: Attention;

  constructor(config: DecoderConfig, context: ForwardContext, prefix: string, kind: Attention) {
    this.#config = config;
    this.#context = context;
    this.#prefix = prefix;
    this.#kind = kind;
  }

  /** @param x `[tokens, hiddenSize]` */
  apply(x: Tensor): Tensor {
    const { builder } = this.#context;
    const { hasOutputNorms } = this.#config;
    let attended = this.#attention(this.#norm(x, 'input_layernorm'));
    if (hasOutputNorms) attended = this.#norm(attended, 'post_attention_layernorm');
    const middle = add(builder, x, attended);
    const inputNorm = hasOutputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm';
    let fed = this.#feedForward(this.#norm(middle, inputNorm));
    if (hasOutputNorms) fed = this.#norm(fed, 'post_feedforward_layernorm');
    return add(builder, middle, fed);
  }

  #attention(x: Tensor): Tensor {
    const context = this.#context;
    const { builder } = context;
    const { headCount, keyValueHeadCount, headSize, scoreSoftCap } = this.#config;
    const groupSize = headCount / keyValueHeadCount;
    // Query heads that share a key's head stand one below the other, so that each key is read once and never repeated.
    const grouped = [BATCH, keyValueHeadCount, { coefficient: groupSize, symbols: ['length'] }];
    const query = scale(builder, this.#rotated(x, 'q', headCount), this.#config.queryScale);
    const key = this.#rotated(x, 'k', keyValueHeadCount);
    const value = context.splitHeads(this.#linear(x, 'self_attn.v_proj'), keyValueHeadCount, headSize);
    let scores = context.matmul(context.reshape(query, [...grouped, headSize]), key, { transposeB: true });
    if (scoreSoftCap !== undefined)
      scores = scale(builder, tanh(builder, scale(builder, scores, 1 / scoreSoftCap)), scoreSoftCap);
    const square = context.reshape(scores, [BATCH, headCount, LENGTH, LENGTH]);
    const probabilities = context.dropout(
      softmax(builder, addConstant(builder, square, this.#kind.scores)),
      this.#config.attentionDropout,
    );
    const mixed = context.matmul(context.reshape(probabilities, [...grouped, LENGTH]), value);
    const heads = context.reshape(mixed, [BATCH, headCount, LENGTH, headSize]);
    return this.#linear(context.mergeHeads(heads, headCount, headSize), 'self_attn.o_proj');
  }

  /** Queries or keys, normalized where the family does, at their positions: `[batch, headCount, length, headSize]`. */
  #rotated(x: Tensor, part: 'q' | 'k', headCount: number): Tensor {
    const context = this.#context;
    const { headSize, hasQueryKeyNorm } = this.#config;
    let projected = this.#linear(x, `self_attn.${part}_proj`);
    if (hasQueryKeyNorm) {
      const heads = context.reshape(projected, [TOKENS, headCount, headSize]);
      projected = context.reshape(this.#norm(heads, `self_attn.${part}_norm`), [TOKENS, headCount * headSize]);
    }
    const { cosine, sine } = this.#kind.angles;
    return rotary(context.builder, context.splitHeads(projected, headCount, headSize), cosine, sine);
  }

  /** `down(activation(gate(x)) * up(x))` (arXiv 2002.05202). The product is computed again in the backward pass. */
  #feedForward(x: Tensor): Tensor {
    const context = this.#context;
    const up = this.#linear(x, 'mlp.up_proj');
    return context.recomputed(this.#linear(x, 'mlp.gate_proj'), `${this.#prefix}.mlp.down_proj`, [up], (gate) =>
      this.#linear(
        gated(context.builder, gate, up, (x) => context.activation(x, this.#config.activation)),
        'mlp.down_proj',
      ),
    );
  }

  #norm(x: Tensor, name: string): Tensor {
    return norm(this.#config, this.#context, x, `${this.#prefix}.${name}`);
  }

  #linear(x: Tensor, name: string): Tensor {
    const full = `${this.#prefix}.${name}`;
    return this.#context.has(`${full}.bias`) ? this.#context.linear(x, full) : this.#context.linearWithoutBias(x, full);
  }
}
