import { add, firstToken, tanh, type Tensor } from '@pemmican/graph';
import { paddedPositionIds, paddingScores } from './attention-mask.ts';
import { checkpointNames } from './checkpoint-names.ts';
import { ConfigReader } from './config-reader.ts';
import { readEncoderConfig, type EncoderConfig } from './encoder-config.ts';
import { addEncoderLayer, encoderLayer, type EncoderLayerNames } from './encoder-layer.ts';
import { BATCH, ForwardContext, LENGTH } from './forward-context.ts';
import {
  ENCODER_TASKS,
  addMaskedLanguageModelHead,
  maskedLanguageModelHead,
  type MaskedLanguageModelNames,
  type MaskedLanguageModelOptions,
} from './language-model-head.ts';
import { outputCount, type Model, type ModelOutput, type ParameterSpec, type Task } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION, ParameterList } from './parameter-list.ts';
import { relativePositionScores } from './relative-position.ts';

interface MpnetConfig extends EncoderConfig {
  readonly layerNormEpsilon: number;
  readonly bucketCount: number;
}

const PREFIX = 'mpnet.';
const EMBEDDING_MATRIX_NAME = 'mpnet.embeddings.word_embeddings.weight';
// transformers fixes both whatever the config says.
const PADDING_ID = 1;
const BUCKETS_IN_USE = 32;
const MAX_DISTANCE = 128;

/** MPNet encoders (arXiv 2004.09297; transformers' MPNetForSequenceClassification): learned scores of relative positions. */
export function mpnetModel(config: unknown, fileName: string): Model {
  const parsed = parseConfig(new ConfigReader(config, fileName));
  return {
    modelType: 'mpnet',
    vocabSize: parsed.vocabSize,
    hiddenSize: parsed.hiddenSize,
    maxSequenceLength: parsed.maxPositionCount - PADDING_ID - 1,
    padTokenId: PADDING_ID,
    tasks: ENCODER_TASKS,
    isTied: (task) => task === 'masked-lm' && parsed.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
    basePrefix: PREFIX,
    headWeightName: 'classifier.out_proj.weight',
    parameters: (task, labelCount, vocabRows) => parameters(parsed, task, labelCount, vocabRows),
    checkpointNames: (name) => checkpointNames(name, PREFIX),
    forward: (...graph) => output(parsed, new ForwardContext(...graph)),
    architecture: (task) => (task === 'masked-lm' ? 'MPNetForMaskedLM' : 'MPNetForSequenceClassification'),
  };
}

function parseConfig(reader: ConfigReader): MpnetConfig {
  const config = readEncoderConfig(reader, PADDING_ID);
  if (config.vocabSize <= PADDING_ID) reader.fail('vocab_size', `more than ${PADDING_ID}, the id of padding`);
  if (config.maxPositionCount <= PADDING_ID + 1) reader.fail('max_position_embeddings', `more than ${PADDING_ID + 1}`);
  const bucketCount = reader.count('relative_attention_num_buckets', BUCKETS_IN_USE);
  if (bucketCount < BUCKETS_IN_USE) reader.fail('relative_attention_num_buckets', `at least ${BUCKETS_IN_USE}`);
  return { ...config, bucketCount, layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1) };
}

const layerPrefix = (layer: number): string => `mpnet.encoder.layer.${layer}`;

function layerNames(layer: number): EncoderLayerNames {
  const prefix = layerPrefix(layer);
  return {
    query: `${prefix}.attention.attn.q`,
    key: `${prefix}.attention.attn.k`,
    value: `${prefix}.attention.attn.v`,
    attentionOutput: `${prefix}.attention.attn.o`,
    attentionNorm: `${prefix}.attention.LayerNorm`,
    intermediate: `${prefix}.intermediate.dense`,
    output: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
}

const MASKED_LM: MaskedLanguageModelNames = {
  dense: 'lm_head.dense',
  norm: 'lm_head.layer_norm',
  decoder: 'lm_head.decoder',
  tiedBias: 'lm_head.bias',
};

function maskedLanguageModelOptions(config: MpnetConfig): MaskedLanguageModelOptions {
  return {
    hiddenSize: config.hiddenSize,
    outputSize: config.hiddenSize,
    activation: 'gelu',
    layerNormEpsilon: config.layerNormEpsilon,
    isTied: config.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
  };
}

function parameters(config: MpnetConfig, task: Task, labelCount: number, vocabRows: number): ParameterSpec[] {
  const { hiddenSize } = config;
  const list = new ParameterList();
  list.embeddingMatrix(EMBEDDING_MATRIX_NAME, vocabRows, hiddenSize);
  list.weight('mpnet.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
  list.layerNorm('mpnet.embeddings.LayerNorm', hiddenSize);
  for (let layer = 0; layer < config.layerCount; layer++) addEncoderLayer(list, layerNames(layer), config);
  list.weight('mpnet.encoder.relative_attention_bias', [config.bucketCount, config.headCount]);
  if (task === 'masked-lm') {
    addMaskedLanguageModelHead(list, MASKED_LM, maskedLanguageModelOptions(config), vocabRows);
  } else {
    const head = { standardDeviation: HEAD_STANDARD_DEVIATION };
    list.linear('classifier.dense', hiddenSize, hiddenSize, head);
    list.linear('classifier.out_proj', outputCount(task, labelCount), hiddenSize, head);
  }
  return list.specs;
}

function output(config: MpnetConfig, context: ForwardContext): ModelOutput {
  const { builder, dimensions } = context;
  const buckets = { bucketCount: BUCKETS_IN_USE, maxDistance: MAX_DISTANCE, isBidirectional: true };
  const positionScores = relativePositionScores(context, 'mpnet.encoder.relative_attention_bias', buckets);
  const options = {
    ...config,
    attentionOutputDropout: config.hiddenDropout,
    outputDropout: config.hiddenDropout,
    paddingScores: paddingScores(context),
  };
  let hidden = embeddings(config, context);
  for (let layer = 0; layer < config.layerCount; layer++)
    hidden = context.layer(hidden, `${layerPrefix(layer)}.`, [positionScores], (x) =>
      encoderLayer(context, x, layerNames(layer), { ...options, positionScores }),
    );
  if (context.options.task === 'masked-lm')
    return maskedLanguageModelHead(context, hidden, MASKED_LM, maskedLanguageModelOptions(config));
  const first = firstToken(builder, dimensions, context.reshape(hidden, [BATCH, LENGTH, config.hiddenSize]));
  const dense = context.linear(context.dropout(first, config.hiddenDropout), 'classifier.dense');
  return {
    kind: 'logits',
    logits: context.linear(context.dropout(tanh(builder, dense), config.hiddenDropout), 'classifier.out_proj'),
  };
}

/** `[tokens, hiddenSize]` */
function embeddings(config: MpnetConfig, context: ForwardContext): Tensor {
  const words = context.wordEmbedding('mpnet.embeddings.word_embeddings');
  const positions = context.embedding(
    'mpnet.embeddings.position_embeddings',
    paddedPositionIds(context, PADDING_ID),
    PADDING_ID,
  );
  const sum = add(context.builder, words, positions);
  const normalized = context.layerNorm(sum, 'mpnet.embeddings.LayerNorm', config.layerNormEpsilon);
  return context.dropout(normalized, config.hiddenDropout);
}
