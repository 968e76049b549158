import { add, addConstant, scale, softmax, split, type Tensor } from '@pemmican/graph';
import { causalScores, positionIds } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import { addDecoderHead, decoderOutput, decoderTasks } from './decoder-head.ts';
import { ACTIVATIONS, ForwardContext, type Activation } from './forward-context.ts';
import type { Model, ModelOutput, ParameterSpec, Task } from './model-family.ts';
import { ParameterList } from './parameter-list.ts';

interface Gpt2Config {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly intermediateSize: number;
  readonly maxPositionCount: number;
  readonly activation: Activation;
  readonly layerNormEpsilon: number;
  readonly embeddingDropout: number;
  readonly attentionDropout: number;
  readonly residualDropout: number;
  readonly padTokenId: number | undefined;
  readonly isTied: boolean;
  readonly hasScaledScores: boolean;
  readonly hasScoresScaledByLayer: boolean;
}

const NAMES = { basePrefix: 'transformer.', embeddingMatrixName: 'transformer.wte.weight' };

/** GPT-2: a causal language model, or with a classification head on the last token (transformers' GPT2ForSequenceClassification). */
export function gpt2Model(config: unknown, fileName: string): Model {
  const parsed = parseConfig(new ConfigReader(config, fileName));
  return {
    modelType: 'gpt2',
    vocabSize: parsed.vocabSize,
    hiddenSize: parsed.hiddenSize,
    maxSequenceLength: parsed.maxPositionCount,
    // Its embedding has no padding row: pad_token_id only says where a row ends.
    padTokenId: undefined,
    ...decoderTasks(parsed, NAMES),
    parameters: (...shape) => parameters(parsed, ...shape),
    forward: (...graph) => output(parsed, new ForwardContext(...graph)),
    architecture: (task) => (task === 'causal-lm' ? 'GPT2LMHeadModel' : 'GPT2ForSequenceClassification'),
  };
}

function parseConfig(reader: ConfigReader): Gpt2Config {
  if (reader.flag('add_cross_attention', false)) reader.fail('add_cross_attention', 'false');
  if (reader.flag('reorder_and_upcast_attn', false)) reader.fail('reorder_and_upcast_attn', 'false');
  const hiddenSize = reader.count('n_embd', 768);
  const headCount = reader.count('n_head', 12);
  if (hiddenSize % headCount !== 0) reader.fail('n_head', `a divisor of n_embd ${hiddenSize}`);
  const vocabSize = reader.count('vocab_size', 50_257);
  return {
    vocabSize,
    hiddenSize,
    layerCount: reader.layerCount('n_layer', 12),
    headCount,
    intermediateSize: reader.get('n_inner') === null ? 4 * hiddenSize : reader.count('n_inner', 4 * hiddenSize),
    maxPositionCount: reader.count('n_positions', 1024),
    activation: reader.choice('activation_function', 'gelu_new', ACTIVATIONS),
    layerNormEpsilon: reader.number('layer_norm_epsilon', 1e-5, 0, 1),
    embeddingDropout: reader.number('embd_pdrop', 0.1, 0, 1),
    attentionDropout: reader.number('attn_pdrop', 0.1, 0, 1),
    residualDropout: reader.number('resid_pdrop', 0.1, 0, 1),
    padTokenId: reader.tokenId('pad_token_id', undefined, vocabSize),
    isTied: reader.flag('tie_word_embeddings', true),
    hasScaledScores: reader.flag('scale_attn_weights', true),
    hasScoresScaledByLayer: reader.flag('scale_attn_by_inverse_layer_idx', false),
  };
}

const layerPrefix = (layer: number): string => `transformer.h.${layer}`;

function parameters(
  config: Gpt2Config,
  task: Task,
  labelCount: number,
  vocabRows: number,
  outputRows = vocabRows,
): ParameterSpec[] {
  const { hiddenSize, intermediateSize } = config;
  const list = new ParameterList();
  list.embeddingMatrix(NAMES.embeddingMatrixName, vocabRows, hiddenSize);
  list.weight('transformer.wpe', [config.maxPositionCount, hiddenSize]);
  for (let layer = 0; layer < config.layerCount; layer++) {
    const prefix = layerPrefix(layer);
    list.layerNorm(`${prefix}.ln_1`, hiddenSize);
    list.linearInputMajor(`${prefix}.attn.c_attn`, 3 * hiddenSize, hiddenSize);
    list.linearInputMajor(`${prefix}.attn.c_proj`, hiddenSize, hiddenSize);
    list.layerNorm(`${prefix}.ln_2`, hiddenSize);
    list.linearInputMajor(`${prefix}.mlp.c_fc`, intermediateSize, hiddenSize);
    list.linearInputMajor(`${prefix}.mlp.c_proj`, hiddenSize, intermediateSize);
  }
  list.layerNorm('transformer.ln_f', hiddenSize);
  addDecoderHead(list, config, task, labelCount, outputRows);
  return list.specs;
}

function output(config: Gpt2Config, context: ForwardContext): ModelOutput {
  const { builder } = context;
  const scores = causalScores(context);
  const words = context.wordEmbedding('transformer.wte');
  const positions = context.embedding('transformer.wpe', positionIds(context));
  let hidden = context.dropout(add(builder, words, positions), config.embeddingDropout);
  for (let layer = 0; layer < config.layerCount; layer++) {
    const prefix = layerPrefix(layer);
    hidden = context.layer(hidden, `${prefix}.`, [], (x) => {
      const attended = attention(config, context, context.layerNorm(x, `${prefix}.ln_1`, config.layerNormEpsilon), {
        prefix: `${prefix}.attn`,
        scores,
        queryScale: queryScale(config, layer),
      });
      const middle = add(builder, x, context.dropout(attended, config.residualDropout));
      const normalized = context.layerNorm(middle, `${prefix}.ln_2`, config.layerNormEpsilon);
      const fed = feedForward(config, context, normalized, `${prefix}.mlp`);
      return add(builder, middle, context.dropout(fed, config.residualDropout));
    });
  }
  return decoderOutput(config, context, hidden, NAMES, (rows) =>
    context.layerNorm(rows, 'transformer.ln_f', config.layerNormEpsilon),
  );
}

function queryScale(config: Gpt2Config, layer: number): number {
  const byHead = config.hasScaledScores ? 1 / Math.sqrt(config.hiddenSize / config.headCount) : 1;
  return config.hasScoresScaledByLayer ? byHead / (layer + 1) : byHead;
}

interface AttentionOptions {
  readonly prefix: string;
  /** `[batch, 1, length, length]` */
  readonly scores: Tensor;
  readonly queryScale: number;
}

function attention(config: Gpt2Config, context: ForwardContext, x: Tensor, options: AttentionOptions): Tensor {
  const { builder } = context;
  const { headCount } = config;
  const headSize = config.hiddenSize / headCount;
  const parts = split(builder, context.linearInputMajor(x, `${options.prefix}.c_attn`), 3);
  const [query, key, value] = parts.map((part) => context.splitHeads(part, headCount, headSize));
  if (query === undefined || key === undefined || value === undefined)
    throw new TypeError('Three parts were asked for');
  const scores = context.matmul(scale(builder, query, options.queryScale), key, { transposeB: true });
  const probabilities = softmax(builder, addConstant(builder, scores, options.scores));
  const mixed = context.matmul(context.dropout(probabilities, config.attentionDropout), value);
  return context.linearInputMajor(context.mergeHeads(mixed, headCount, headSize), `${options.prefix}.c_proj`);
}

function feedForward(config: Gpt2Config, context: ForwardContext, x: Tensor, prefix: string): Tensor {
  const down = `${prefix}.c_proj`;
  return context.recomputed(context.linearInputMajor(x, `${prefix}.c_fc`), down, [], (input) =>
    context.linearInputMajor(context.activation(input, config.activation), down),
  );
}
