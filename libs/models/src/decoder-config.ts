import type { ConfigReader } from './config-reader.ts';
import { ACTIVATIONS, type Activation } from './forward-context.ts';
import { readRope, type RopeConfig } from './rope.ts';

export const LAYER_TYPES = ['full_attention', 'sliding_attention'] as const;
export type LayerType = (typeof LAYER_TYPES)[number];

/** What decides the computation in Llama and its kin; each family says in its own file how its config gives it. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  /** Heads of keys and values, each shared by `headCount / keyValueHeadCount` query heads (arXiv 2305.13245). */
  readonly keyValueHeadCount: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  readonly maxPositionCount: number;
  readonly activation: Activation;
  readonly normEpsilon: number;
  /** What is added to a normalization's weight. */
  readonly normOffset: 0 | 1;
  readonly attentionDropout: number;
  readonly padTokenId: number | undefined;
  /** What queries are multiplied by. */
  readonly queryScale: number;
  /** What embeddings are multiplied by. */
  readonly embeddingScale: number;
  /** Whether the output matrix is the embedding matrix. */
  readonly isTied: boolean;
  /** Logits over the vocabulary become `cap * tanh(logit / cap)`. */
  readonly logitSoftCap: number | undefined;
  /** Scores become `cap * tanh(score / cap)`. */
  readonly scoreSoftCap: number | undefined;
  readonly hasQueryKeyValueBias: boolean;
  readonly hasAttentionOutputBias: boolean;
  readonly hasMlpBias: boolean;
  /** Whether each head's query and key is normalized. */
  readonly hasQueryKeyNorm: boolean;
  /** Whether the outputs of attention and feed-forward network are normalized before they are added. */
  readonly hasOutputNorms: boolean;
  readonly layerTypes: readonly LayerType[];
  /** Tokens that a sliding layer sees, its own included. */
  readonly slidingWindow: number | undefined;
  readonly rope: Readonly<Record<LayerType, RopeConfig>>;
}

/** How families differ from Llama. */
export interface DecoderDefaults {
  readonly padTokenId?: number;
  readonly activationField?: string;
  readonly activation?: Activation;
  readonly headSize?: number;
  readonly isTied?: boolean;
  readonly ropeTheta: number;
}

/** The fields that Llama and its kin share, by the names of transformers' LlamaConfig. */
export function readDecoderConfig(reader: ConfigReader, defaults: DecoderDefaults): DecoderConfig {
  const hiddenSize = reader.count('hidden_size');
  const headCount = reader.count('num_attention_heads');
  const keyValueHeadCount =
    reader.get('num_key_value_heads') === null ? headCount : reader.count('num_key_value_heads', headCount);
  if (headCount % keyValueHeadCount !== 0)
    reader.fail('num_key_value_heads', `a divisor of num_attention_heads ${headCount}`);
  const headSize = readHeadSize(reader, defaults, hiddenSize, headCount);
  const layerCount = reader.layerCount('num_hidden_layers');
  const vocabSize = reader.count('vocab_size');
  const rope = readRope(reader, defaults.ropeTheta);
  return {
    vocabSize,
    hiddenSize,
    layerCount,
    headCount,
    keyValueHeadCount,
    headSize,
    intermediateSize: reader.count('intermediate_size'),
    maxPositionCount: reader.count('max_position_embeddings'),
    activation: reader.choice(defaults.activationField ?? 'hidden_act', defaults.activation ?? 'silu', ACTIVATIONS),
    normEpsilon: reader.number('rms_norm_eps', 1e-6, 0, 1),
    normOffset: 0,
    attentionDropout: reader.number('attention_dropout', 0, 0, 1),
    padTokenId: reader.tokenId('pad_token_id', defaults.padTokenId, vocabSize),
    queryScale: 1 / Math.sqrt(headSize),
    embeddingScale: 1,
    isTied: reader.flag('tie_word_embeddings', defaults.isTied ?? false),
    logitSoftCap: undefined,
    scoreSoftCap: undefined,
    hasQueryKeyValueBias: false,
    hasAttentionOutputBias: false,
    hasMlpBias: false,
    hasQueryKeyNorm: false,
    hasOutputNorms: false,
    layerTypes: Array.from({ length: layerCount }, () => 'full_attention'),
    slidingWindow: undefined,
    rope: { full_attention: rope, sliding_attention: rope },
  };
}

function readHeadSize(reader: ConfigReader, defaults: DecoderDefaults, hiddenSize: number, headCount: number): number {
  const given = reader.get('head_dim') ?? defaults.headSize;
  if (given === undefined) {
    if (hiddenSize % headCount !== 0) reader.fail('num_attention_heads', `a divisor of hidden_size ${hiddenSize}`);
    if ((hiddenSize / headCount) % 2 !== 0)
      reader.fail('num_attention_heads', 'one that gives heads of an even size, as rotary positions need');
    return hiddenSize / headCount;
  }
  const headSize = reader.get('head_dim') === null ? Number(given) : reader.count('head_dim', Number(given));
  return headSize % 2 === 0 ? headSize : reader.fail('head_dim', 'an even number, as rotary positions need');
}

/**
 * Each layer's type: `layer_types` where the config has them, else by a family's rule.
 * @param isSliding the rule, by layer from 0
 */
export function readLayerTypes(
  reader: ConfigReader,
  layerCount: number,
  isSliding: (layer: number) => boolean,
): LayerType[] {
  const value = reader.get('layer_types') ?? undefined;
  if (value === undefined)
    return Array.from({ length: layerCount }, (_, layer) =>
      isSliding(layer) ? 'sliding_attention' : 'full_attention',
    );
  const types = Array.isArray(value) ? LAYER_TYPES.filter((type) => value.includes(type)) : [];
  const isWhole =
    Array.isArray(value) && value.length === layerCount && value.every((type) => types.includes(type as LayerType));
  return isWhole ? (value as LayerType[]) : reader.fail('layer_types', `${layerCount} of ${LAYER_TYPES.join(', ')}`);
}
