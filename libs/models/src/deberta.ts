import { add, addConstant, gatherRows, relativeShift, scale, softmax, transpose, type Tensor } from '@pemmican/graph';
import {
  addConvolution,
  convolution,
  convolutionParameters,
  readConvolution,
  type Convolution,
} from './deberta-convolution.ts';
import { paddingScores, positionIds } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import { logBucket } from './deberta-buckets.ts';
import { readEncoderConfig, type EncoderConfig } from './encoder-config.ts';
import {
  addAttentionOutputAndFeedForward,
  attentionOutput,
  feedForward,
  type EncoderLayerNames,
} from './encoder-layer.ts';
import { encoderModel, type EncoderLayers } from './encoder.ts';
import { ACTIVATIONS, BATCH, LENGTH, TOKENS, type Activation, type ForwardContext } from './forward-context.ts';
import type { MaskedLanguageModel } from './language-model-head.ts';
import type { Model } from './model-family.ts';
import { maskQueries, paddedQueries, withoutPadding, type PaddedQueries } from './padded-queries.ts';
import type { ParameterList } from './parameter-list.ts';

interface DebertaConfig extends EncoderConfig {
  readonly tokenTypeCount: number;
  readonly layerNormEpsilon: number;
  readonly poolerDropout: number;
  readonly poolerActivation: Activation;
  readonly classifierDropout: number;
  readonly hasPositionInput: boolean;
  /** Whether positions are projected by the content's own matrices. */
  readonly sharesProjections: boolean;
  readonly hasContentToPosition: boolean;
  readonly hasPositionToContent: boolean;
  readonly normalizesPositions: boolean;
  /** Buckets of a direction; 0 where each distance has its own row. */
  readonly bucketCount: number;
  readonly maxRelativePosition: number;
  /** Beside the first layer; undefined where the model has none. */
  readonly convolution: Convolution | undefined;
  /** Whether a masked language model's head is transformers' `cls`, as in BERT, or DeBERTa's own `lm_predictions`. */
  readonly hasLegacyHead: boolean;
}

const POSITION_TERMS = ['c2p', 'p2c'];
const DOUBLE_LENGTH = { coefficient: 2, symbols: ['length'] };

/**
 * DeBERTa v2 and v3 (arXiv 2006.03654, 2111.09543) and mDeBERTa: attention by content and by relative position apart, with
 * the convolution of v2's two largest checkpoints.
 */
export function debertaV2Model(fields: unknown, fileName: string): Model {
  const config = parseConfig(new ConfigReader(fields, fileName));
  const { hiddenSize } = config;
  return encoderModel({
    modelType: 'deberta-v2',
    architecturePrefix: 'DebertaV2',
    prefix: 'deberta.',
    config,
    maxSequenceLength: config.maxPositionCount,
    padTokenId: config.padTokenId,
    embeddingSize: hiddenSize,
    layerPrefix,
    addEmbeddings: (list) => {
      if (config.hasPositionInput)
        list.weight('deberta.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
      if (config.tokenTypeCount > 0)
        list.weight('deberta.embeddings.token_type_embeddings', [config.tokenTypeCount, hiddenSize]);
      list.layerNorm('deberta.embeddings.LayerNorm', hiddenSize);
    },
    addLayer: (list, prefix) => {
      addLayer(config, list, prefix);
    },
    addShared: (list) => {
      list.weight('deberta.encoder.rel_embeddings', [2 * spanOf(config), hiddenSize]);
      if (config.normalizesPositions) list.layerNorm('deberta.encoder.LayerNorm', hiddenSize);
      if (config.convolution !== undefined) addConvolution(list, config.convolution, hiddenSize);
    },
    layers: (context) => layers(config, context),
    embeddings: (context) => embeddings(config, context),
    tokenDropout: config.hiddenDropout,
    head: {
      dense: 'pooler.dense',
      denseStandardDeviation: config.initializerRange,
      inputDropout: config.poolerDropout,
      activate: (context, x) => context.activation(x, config.poolerActivation),
      outputDropout: config.classifierDropout,
      output: 'classifier',
    },
    maskedLanguageModel: maskedLanguageModel(config),
  });
}

function parseConfig(reader: ConfigReader): DebertaConfig {
  const config = readEncoderConfig(reader, 0);
  if (reader.get('relative_attention') !== true) reader.fail('relative_attention', 'true');
  if (reader.count('embedding_size', config.hiddenSize) !== config.hiddenSize)
    reader.fail('embedding_size', `hidden_size ${config.hiddenSize}`);
  if (
    reader.count('attention_head_size', config.hiddenSize / config.headCount) * config.headCount !==
    config.hiddenSize
  )
    reader.fail('attention_head_size', `hidden_size / num_attention_heads ${config.hiddenSize / config.headCount}`);
  const terms = positionTerms(reader);
  const buckets = reader.number('position_buckets', -1, -1, 65_536);
  const given = reader.number('max_relative_positions', -1, -1, 65_536);
  const hasLegacyHead = reader.flag('legacy', true);
  return {
    ...config,
    // DeBERTa's own head multiplies with the embedding matrix, whatever the config says.
    isTied: config.isTied || !hasLegacyHead,
    hasLegacyHead,
    convolution: readConvolution(reader),
    tokenTypeCount: reader.get('type_vocab_size') === 0 ? 0 : reader.count('type_vocab_size', 1),
    layerNormEpsilon: reader.number('layer_norm_eps', 1e-7, 0, 1),
    poolerDropout: reader.number('pooler_dropout', 0, 0, 1),
    poolerActivation: reader.choice('pooler_hidden_act', 'gelu', ACTIVATIONS),
    classifierDropout: reader.number('cls_dropout', config.hiddenDropout, 0, 1),
    hasPositionInput: reader.flag('position_biased_input', true),
    sharesProjections: reader.flag('share_att_key', false),
    hasContentToPosition: terms.includes('c2p'),
    hasPositionToContent: terms.includes('p2c'),
    normalizesPositions: reader.choice('norm_rel_ebd', 'none', ['none', 'layer_norm']) === 'layer_norm',
    bucketCount: Math.max(0, buckets),
    maxRelativePosition: given < 1 ? config.maxPositionCount : given,
  };
}

/** `pos_att_type`: a list, or names with bars between them. */
function positionTerms(reader: ConfigReader): readonly string[] {
  const value = reader.get('pos_att_type') ?? [];
  const names = typeof value === 'string' ? value.toLowerCase().split('|') : value;
  const terms = Array.isArray(names) ? names.map((name) => String(name).trim()) : ['?'];
  const isKnown = terms.length > 0 && terms.every((name) => POSITION_TERMS.includes(name));
  return isKnown ? terms : reader.fail('pos_att_type', 'c2p, p2c or both');
}

function maskedLanguageModel(config: DebertaConfig): MaskedLanguageModel {
  const common = {
    decoder: 'cls.predictions.decoder',
    activation: config.activation,
    layerNormEpsilon: config.layerNormEpsilon,
  };
  if (!config.hasLegacyHead) {
    const head = 'lm_predictions.lm_head';
    return { ...common, dense: `${head}.dense`, norm: `${head}.LayerNorm`, tiedBias: `${head}.bias` };
  }
  const transform = 'cls.predictions.transform';
  return {
    ...common,
    dense: `${transform}.dense`,
    norm: `${transform}.LayerNorm`,
    tiedBias: 'cls.predictions.bias',
  };
}

const layerPrefix = (layer: number): string => `deberta.encoder.layer.${layer}`;

function layerNames(prefix: string): EncoderLayerNames {
  return {
    query: `${prefix}.attention.self.query_proj`,
    key: `${prefix}.attention.self.key_proj`,
    value: `${prefix}.attention.self.value_proj`,
    attentionOutput: `${prefix}.attention.output.dense`,
    attentionNorm: `${prefix}.attention.output.LayerNorm`,
    intermediate: `${prefix}.intermediate.dense`,
    output: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
}

/** Names of the matrices that project positions to keys and to queries. */
function positionNames(config: DebertaConfig, prefix: string): { key: string; query: string } {
  if (config.sharesProjections) return layerNames(prefix);
  return { key: `${prefix}.attention.self.pos_key_proj`, query: `${prefix}.attention.self.pos_query_proj` };
}

/** Rows of a direction in the matrix of relative positions. */
function spanOf(config: DebertaConfig): number {
  return config.bucketCount > 0 ? config.bucketCount : config.maxRelativePosition;
}

function addLayer(config: DebertaConfig, list: ParameterList, prefix: string): void {
  const { hiddenSize } = config;
  const names = layerNames(prefix);
  for (const name of [names.query, names.key, names.value]) list.linear(name, hiddenSize, hiddenSize);
  if (!config.sharesProjections) {
    const { key, query } = positionNames(config, prefix);
    if (config.hasContentToPosition) list.linear(key, hiddenSize, hiddenSize);
    if (config.hasPositionToContent) list.linear(query, hiddenSize, hiddenSize);
  }
  addAttentionOutputAndFeedForward(list, names, config);
}

function layers(config: DebertaConfig, context: ForwardContext): EncoderLayers {
  const padding = context.reshape(paddingScores(context), [1, BATCH, 1, LENGTH]);
  const queries = hasPaddingLogits(context) ? paddedQueries(context) : undefined;
  const distances = distanceRows(config, context);
  let positions = context.parameter('deberta.encoder.rel_embeddings.weight');
  if (config.normalizesPositions)
    positions = context.layerNorm(positions, 'deberta.encoder.LayerNorm', config.layerNormEpsilon);
  const options = {
    ...config,
    attentionOutputDropout: config.hiddenDropout,
    outputDropout: config.hiddenDropout,
    paddingScores: padding,
  };
  return {
    shared: [positions, ...convolutionParameters(context, config.convolution)],
    apply: (x, layer) => {
      const prefix = layerPrefix(layer);
      const mixed = disentangledAttention(config, context, x, { prefix, padding, queries, positions, distances });
      const names = layerNames(prefix);
      const output = feedForward(context, attentionOutput(context, mixed, x, names, options), names, options);
      return config.convolution === undefined || layer > 0
        ? output
        : convolution(context, config.convolution, x, output, config);
    },
  };
}

/** `[tokens, hiddenSize]` */
function embeddings(config: DebertaConfig, context: ForwardContext): Tensor {
  const { builder } = context;
  let sum = context.wordEmbedding('deberta.embeddings.word_embeddings');
  if (config.hasPositionInput)
    sum = add(builder, sum, context.embedding('deberta.embeddings.position_embeddings', positionIds(context)));
  if (config.tokenTypeCount > 0) {
    const typeIds = context.reshape(context.inputs.tokenTypeIds, [TOKENS]);
    sum = add(builder, sum, context.embedding('deberta.embeddings.token_type_embeddings', typeIds));
  }
  const normalized = context.layerNorm(sum, 'deberta.embeddings.LayerNorm', config.layerNormEpsilon);
  return context.dropout(
    hasPaddingLogits(context) ? withoutPadding(context, normalized) : normalized,
    config.hiddenDropout,
  );
}

/** Whether what becomes of padding shows in the loss. */
function hasPaddingLogits({ options }: ForwardContext): boolean {
  return options.task === 'question-answering';
}

/** Which rows of the matrix of relative positions a batch reads, int32 `[2 length]` each. */
interface DistanceRows {
  /** Entry c: seen from a query, the key at the distance `key - query = c - length`. */
  readonly fromQuery: Tensor;
  /** Entry c: seen from a key, the query at the distance `query - key = c - length`. */
  readonly fromKey: Tensor;
}

function distanceRows(config: DebertaConfig, context: ForwardContext): DistanceRows {
  const { builder } = context;
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  const span = spanOf(config);
  const furthest = config.maxPositionCount;
  // transformers counts distances as query minus key.
  const row = (queryMinusKey: number): number => {
    const bucket =
      config.bucketCount > 0 ? logBucket(queryMinusKey, config.bucketCount, config.maxRelativePosition) : queryMinusKey;
    return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
  };
  const length = context.dimensions.scalar(LENGTH);
  const begin = builder.add(
    'Sub',
    [builder.constant(furthest, 'int32'), length],
    { T: int32 },
    { dtype: 'int32', shape: [] },
  );
  const asVector = (scalar: Tensor): Tensor =>
    builder.add(
      'ExpandDims',
      [scalar, builder.constant(0, 'int32')],
      { T: int32, Tdim: int32 },
      { dtype: 'int32', shape: [1] },
    );
  const read = (rowOf: (distance: number) => number): Tensor =>
    builder.add(
      'Slice',
      [
        builder.constant(
          Array.from({ length: 2 * furthest }, (_, index) => rowOf(index - furthest)),
          'int32',
        ),
        asVector(begin),
        asVector(context.dimensions.scalar(DOUBLE_LENGTH)),
      ],
      { T: int32, Index: int32 },
      { dtype: 'int32', shape: [DOUBLE_LENGTH] },
    );
  return { fromQuery: read((distance) => row(-distance)), fromKey: read(row) };
}

/** Attention without its output matrix, `[tokens, hiddenSize]`; heads come before the batch so that positions serve all rows. */
function disentangledAttention(
  config: DebertaConfig,
  context: ForwardContext,
  x: Tensor,
  layer: {
    prefix: string;
    padding: Tensor;
    queries: PaddedQueries | undefined;
    positions: Tensor;
    distances: DistanceRows;
  },
): Tensor {
  const { builder, dimensions } = context;
  const { headCount, hiddenSize } = config;
  const headSize = hiddenSize / headCount;
  const names = layerNames(layer.prefix);
  const heads = (value: Tensor): Tensor =>
    transpose(builder, context.reshape(value, [BATCH, LENGTH, headCount, headSize]), [2, 0, 1, 3]);
  const terms = 1 + Number(config.hasContentToPosition) + Number(config.hasPositionToContent);
  const factor = 1 / Math.fround(Math.sqrt(headSize * terms));
  const query = heads(scale(builder, context.linear(x, names.query), factor));
  const key = heads(context.linear(x, names.key));
  const value = heads(context.linear(x, names.value));
  let scores = context.matmul(query, key, { transposeB: true });

  const positions = context.dropout(layer.positions, config.hiddenDropout);
  const projections = positionNames(config, layer.prefix);
  /** `[headCount * batch, length, length]`: what rows give to the positions at each distance from them. */
  const byDistance = (rows: Tensor, indices: Tensor, projection: string): Tensor => {
    const projected = context.linear(gatherRows(builder, dimensions, positions, indices), projection);
    const table = transpose(builder, context.reshape(projected, [DOUBLE_LENGTH, headCount, headSize]), [1, 0, 2]);
    const all = context.matmul(context.reshape(rows, [headCount, TOKENS, headSize]), table, { transposeB: true });
    const count = { coefficient: headCount, symbols: ['batch'] };
    return relativeShift(builder, dimensions, context.reshape(all, [count, LENGTH, DOUBLE_LENGTH]));
  };
  const square = [headCount, BATCH, LENGTH, LENGTH];
  if (config.hasContentToPosition)
    scores = add(
      builder,
      scores,
      context.reshape(byDistance(query, layer.distances.fromQuery, projections.key), square),
    );
  if (config.hasPositionToContent) {
    const fromKeys = byDistance(scale(builder, key, factor), layer.distances.fromKey, projections.query);
    scores = add(builder, scores, context.reshape(transpose(builder, fromKeys, [0, 2, 1]), square));
  }
  const masked =
    layer.queries === undefined
      ? addConstant(builder, scores, layer.padding)
      : maskQueries(context, scores, layer.queries);
  const probabilities = softmax(builder, masked);
  const mixed = context.matmul(context.dropout(probabilities, config.attentionDropout), value);
  return context.reshape(transpose(builder, mixed, [1, 2, 0, 3]), [TOKENS, hiddenSize]);
}
