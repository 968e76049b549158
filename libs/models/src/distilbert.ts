import { add, firstToken, relu, type Tensor } from '@pemmican/graph';
import { paddingScores, positionIds } from './attention-mask.ts';
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

interface DistilBertConfig extends EncoderConfig {
  readonly classifierDropout: number;
}

const PREFIX = 'distilbert.';
const EMBEDDING_MATRIX_NAME = 'distilbert.embeddings.word_embeddings.weight';
// DistilBERT's config has no field for it.
const LAYER_NORM_EPSILON = 1e-12;
const FIELDS = {
  hiddenSize: 'dim',
  layerCount: 'n_layers',
  headCount: 'n_heads',
  intermediateSize: 'hidden_dim',
  activation: 'activation',
  hiddenDropout: 'dropout',
  attentionDropout: 'attention_dropout',
} as const;

/** DistilBERT encoders (arXiv 1910.01108; transformers' DistilBertForSequenceClassification): no token types, no pooler. */
export function distilbertModel(config: unknown, fileName: string): Model {
  const parsed = parseConfig(new ConfigReader(config, fileName));
  return {
    modelType: 'distilbert',
    vocabSize: parsed.vocabSize,
    hiddenSize: parsed.hiddenSize,
    maxSequenceLength: parsed.maxPositionCount,
    padTokenId: parsed.padTokenId,
    tasks: ENCODER_TASKS,
    isTied: (task) => task === 'masked-lm' && parsed.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
    basePrefix: PREFIX,
    headWeightName: 'classifier.weight',
    parameters: (task, labelCount, vocabRows) => parameters(parsed, task, labelCount, vocabRows),
    checkpointNames: (name) => checkpointNames(name, PREFIX),
    forward: (...graph) => output(parsed, new ForwardContext(...graph)),
    architecture: (task) => (task === 'masked-lm' ? 'DistilBertForMaskedLM' : 'DistilBertForSequenceClassification'),
  };
}

function parseConfig(reader: ConfigReader): DistilBertConfig {
  const config = readEncoderConfig(reader, 0, FIELDS);
  return { ...config, classifierDropout: reader.number('seq_classif_dropout', 0.2, 0, 1) };
}

const layerPrefix = (layer: number): string => `distilbert.transformer.layer.${layer}`;

function layerNames(layer: number): EncoderLayerNames {
  const prefix = layerPrefix(layer);
  return {
    query: `${prefix}.attention.q_lin`,
    key: `${prefix}.attention.k_lin`,
    value: `${prefix}.attention.v_lin`,
    attentionOutput: `${prefix}.attention.out_lin`,
    attentionNorm: `${prefix}.sa_layer_norm`,
    intermediate: `${prefix}.ffn.lin1`,
    output: `${prefix}.ffn.lin2`,
    outputNorm: `${prefix}.output_layer_norm`,
  };
}

const MASKED_LM: MaskedLanguageModelNames = {
  dense: 'vocab_transform',
  norm: 'vocab_layer_norm',
  decoder: 'vocab_projector',
  tiedBias: 'vocab_projector.bias',
};

function maskedLanguageModelOptions(config: DistilBertConfig): MaskedLanguageModelOptions {
  return {
    hiddenSize: config.hiddenSize,
    outputSize: config.hiddenSize,
    activation: config.activation,
    layerNormEpsilon: LAYER_NORM_EPSILON,
    isTied: config.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
  };
}

function parameters(config: DistilBertConfig, task: Task, labelCount: number, vocabRows: number): ParameterSpec[] {
  const { hiddenSize } = config;
  const list = new ParameterList();
  list.embeddingMatrix(EMBEDDING_MATRIX_NAME, vocabRows, hiddenSize);
  list.weight('distilbert.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
  list.layerNorm('distilbert.embeddings.LayerNorm', hiddenSize);
  for (let layer = 0; layer < config.layerCount; layer++) addEncoderLayer(list, layerNames(layer), config);
  if (task === 'masked-lm') {
    addMaskedLanguageModelHead(list, MASKED_LM, maskedLanguageModelOptions(config), vocabRows);
  } else {
    const head = { standardDeviation: HEAD_STANDARD_DEVIATION };
    list.linear('pre_classifier', hiddenSize, hiddenSize, head);
    list.linear('classifier', outputCount(task, labelCount), hiddenSize, head);
  }
  return list.specs;
}

function output(config: DistilBertConfig, context: ForwardContext): ModelOutput {
  const { builder, dimensions } = context;
  const options = {
    ...config,
    layerNormEpsilon: LAYER_NORM_EPSILON,
    attentionOutputDropout: 0,
    outputDropout: config.hiddenDropout,
    paddingScores: paddingScores(context),
  };
  let hidden = embeddings(config, context);
  for (let layer = 0; layer < config.layerCount; layer++)
    hidden = context.layer(hidden, `${layerPrefix(layer)}.`, [], (x) =>
      encoderLayer(context, x, layerNames(layer), options),
    );
  if (context.options.task === 'masked-lm')
    return maskedLanguageModelHead(context, hidden, MASKED_LM, maskedLanguageModelOptions(config));
  const first = firstToken(builder, dimensions, context.reshape(hidden, [BATCH, LENGTH, config.hiddenSize]));
  const pooled = relu(builder, context.linear(first, 'pre_classifier'));
  return { kind: 'logits', logits: context.linear(context.dropout(pooled, config.classifierDropout), 'classifier') };
}

/** `[tokens, hiddenSize]` */
function embeddings(config: DistilBertConfig, context: ForwardContext): Tensor {
  const words = context.wordEmbedding('distilbert.embeddings.word_embeddings');
  const positions = context.embedding('distilbert.embeddings.position_embeddings', positionIds(context));
  const sum = add(context.builder, words, positions);
  const normalized = context.layerNorm(sum, 'distilbert.embeddings.LayerNorm', LAYER_NORM_EPSILON);
  return context.dropout(normalized, config.hiddenDropout);
}
