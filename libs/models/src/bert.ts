import { add, firstToken, tanh, type Tensor } from '@pemmican/graph';
import { paddingScores, positionIds } from './attention-mask.ts';
import { checkpointNames } from './checkpoint-names.ts';
import { ConfigReader } from './config-reader.ts';
import { readEncoderConfig, type EncoderConfig } from './encoder-config.ts';
import { addEncoderLayer, bertLayerNames, encoderLayer } from './encoder-layer.ts';
import { BATCH, ForwardContext, LENGTH, TOKENS } from './forward-context.ts';
import {
  ENCODER_TASKS,
  addMaskedLanguageModelHead,
  maskedLanguageModelHead,
  type MaskedLanguageModelNames,
  type MaskedLanguageModelOptions,
} from './language-model-head.ts';
import { outputCount, type Model, type ModelOutput, type ParameterSpec, type Task } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION, ParameterList } from './parameter-list.ts';

interface BertConfig extends EncoderConfig {
  readonly tokenTypeCount: number;
  readonly layerNormEpsilon: number;
  readonly classifierDropout: number;
}

const PREFIX = 'bert.';
const EMBEDDING_MATRIX_NAME = 'bert.embeddings.word_embeddings.weight';

/** BERT encoders with a pooler and a head (arXiv 1810.04805; transformers' BertForSequenceClassification, eager attention). */
export function bertModel(config: unknown, fileName: string): Model {
  const parsed = parseConfig(new ConfigReader(config, fileName));
  return {
    modelType: 'bert',
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
    architecture: (task) => (task === 'masked-lm' ? 'BertForMaskedLM' : 'BertForSequenceClassification'),
  };
}

function parseConfig(reader: ConfigReader): BertConfig {
  reader.choice('position_embedding_type', 'absolute', ['absolute']);
  const config = readEncoderConfig(reader, 0);
  return {
    ...config,
    tokenTypeCount: reader.count('type_vocab_size', 2),
    layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1),
    classifierDropout: reader.number('classifier_dropout', config.hiddenDropout, 0, 1),
  };
}

const layerPrefix = (layer: number): string => `bert.encoder.layer.${layer}`;

const MASKED_LM: MaskedLanguageModelNames = {
  dense: 'cls.predictions.transform.dense',
  norm: 'cls.predictions.transform.LayerNorm',
  decoder: 'cls.predictions.decoder',
  tiedBias: 'cls.predictions.bias',
};

function maskedLanguageModelOptions(config: BertConfig): MaskedLanguageModelOptions {
  return {
    hiddenSize: config.hiddenSize,
    outputSize: config.hiddenSize,
    activation: config.activation,
    layerNormEpsilon: config.layerNormEpsilon,
    isTied: config.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
  };
}

function parameters(config: BertConfig, task: Task, labelCount: number, vocabRows: number): ParameterSpec[] {
  const { hiddenSize } = config;
  const list = new ParameterList();
  list.embeddingMatrix(EMBEDDING_MATRIX_NAME, vocabRows, hiddenSize);
  list.weight('bert.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
  list.weight('bert.embeddings.token_type_embeddings', [config.tokenTypeCount, hiddenSize]);
  list.layerNorm('bert.embeddings.LayerNorm', hiddenSize);
  for (let layer = 0; layer < config.layerCount; layer++)
    addEncoderLayer(list, bertLayerNames(layerPrefix(layer)), config);
  if (task === 'masked-lm') {
    addMaskedLanguageModelHead(list, MASKED_LM, maskedLanguageModelOptions(config), vocabRows);
  } else {
    list.linear('bert.pooler.dense', hiddenSize, hiddenSize, { standardDeviation: config.initializerRange });
    list.linear('classifier', outputCount(task, labelCount), hiddenSize, {
      standardDeviation: HEAD_STANDARD_DEVIATION,
    });
  }
  return list.specs;
}

function output(config: BertConfig, context: ForwardContext): ModelOutput {
  const { builder, dimensions } = context;
  const options = {
    ...config,
    attentionOutputDropout: config.hiddenDropout,
    outputDropout: config.hiddenDropout,
    paddingScores: paddingScores(context),
  };
  let hidden = embeddings(config, context);
  for (let layer = 0; layer < config.layerCount; layer++) {
    const names = bertLayerNames(layerPrefix(layer));
    hidden = context.layer(hidden, `${layerPrefix(layer)}.`, [], (x) => encoderLayer(context, x, names, options));
  }
  if (context.options.task === 'masked-lm')
    return maskedLanguageModelHead(context, hidden, MASKED_LM, maskedLanguageModelOptions(config));
  const sequence = context.reshape(hidden, [BATCH, LENGTH, config.hiddenSize]);
  const pooled = tanh(builder, context.linear(firstToken(builder, dimensions, sequence), 'bert.pooler.dense'));
  return { kind: 'logits', logits: context.linear(context.dropout(pooled, config.classifierDropout), 'classifier') };
}

/** `[tokens, hiddenSize]` */
function embeddings(config: BertConfig, context: ForwardContext): Tensor {
  const { builder } = context;
  const words = context.wordEmbedding('bert.embeddings.word_embeddings');
  const types = context.embedding(
    'bert.embeddings.token_type_embeddings',
    context.reshape(context.inputs.tokenTypeIds, [TOKENS]),
  );
  const positions = context.embedding('bert.embeddings.position_embeddings', positionIds(context));
  const sum = add(builder, add(builder, words, types), positions);
  return context.dropout(
    context.layerNorm(sum, 'bert.embeddings.LayerNorm', config.layerNormEpsilon),
    config.hiddenDropout,
  );
}
