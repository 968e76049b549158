import { add, firstToken, tanh, type Tensor } from '@pemmican/graph';
import { paddedPositionIds, paddingScores, zeroIds } from './attention-mask.ts';
import { checkpointNames } from './checkpoint-names.ts';
import { ConfigReader } from './config-reader.ts';
import { readEncoderConfig, type EncoderConfig } from './encoder-config.ts';
import { addEncoderLayer, bertLayerNames, encoderLayer } from './encoder-layer.ts';
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

interface RobertaConfig extends EncoderConfig {
  readonly padTokenId: number;
  readonly tokenTypeCount: number;
  readonly layerNormEpsilon: number;
  readonly classifierDropout: number;
}

const PREFIX = 'roberta.';
const EMBEDDING_MATRIX_NAME = 'roberta.embeddings.word_embeddings.weight';
const ARCHITECTURE_PREFIXES = { roberta: 'Roberta', 'xlm-roberta': 'XLMRoberta' } as const;

/**
 * RoBERTa (arXiv 1907.11692), and XLM-R (arXiv 1911.02116) and XLM-V (arXiv 2301.10472), which have its architecture.
 * Positions count from `pad_token_id + 1` and skip padding; every token has type 0, as transformers' tokenizers of these
 * families give no token types.
 */
export function robertaModel(modelType: keyof typeof ARCHITECTURE_PREFIXES, config: unknown, fileName: string): Model {
  const parsed = parseConfig(new ConfigReader(config, fileName));
  return {
    modelType,
    vocabSize: parsed.vocabSize,
    hiddenSize: parsed.hiddenSize,
    maxSequenceLength: parsed.maxPositionCount - parsed.padTokenId - 1,
    padTokenId: parsed.padTokenId,
    tasks: ENCODER_TASKS,
    isTied: (task) => task === 'masked-lm' && parsed.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
    basePrefix: PREFIX,
    headWeightName: 'classifier.out_proj.weight',
    parameters: (task, labelCount, vocabRows) => parameters(parsed, task, labelCount, vocabRows),
    checkpointNames: (name) => checkpointNames(name, PREFIX),
    forward: (...graph) => output(parsed, new ForwardContext(...graph)),
    architecture: (task) =>
      `${ARCHITECTURE_PREFIXES[modelType]}${task === 'masked-lm' ? 'ForMaskedLM' : 'ForSequenceClassification'}`,
  };
}

function parseConfig(reader: ConfigReader): RobertaConfig {
  reader.choice('position_embedding_type', 'absolute', ['absolute']);
  const config = readEncoderConfig(reader, 1);
  const { padTokenId, maxPositionCount } = config;
  if (padTokenId === undefined) return reader.fail('pad_token_id', 'an integer (positions count from it)');
  if (padTokenId + 1 >= maxPositionCount)
    return reader.fail('max_position_embeddings', `more than pad_token_id + 1 = ${padTokenId + 1}`);
  return {
    ...config,
    padTokenId,
    tokenTypeCount: reader.count('type_vocab_size', 2),
    layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1),
    classifierDropout: reader.number('classifier_dropout', config.hiddenDropout, 0, 1),
  };
}

const layerPrefix = (layer: number): string => `roberta.encoder.layer.${layer}`;

const MASKED_LM: MaskedLanguageModelNames = {
  dense: 'lm_head.dense',
  norm: 'lm_head.layer_norm',
  decoder: 'lm_head.decoder',
  tiedBias: 'lm_head.bias',
};

function maskedLanguageModelOptions(config: RobertaConfig): MaskedLanguageModelOptions {
  return {
    hiddenSize: config.hiddenSize,
    outputSize: config.hiddenSize,
    activation: 'gelu',
    layerNormEpsilon: config.layerNormEpsilon,
    isTied: config.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
  };
}

function parameters(config: RobertaConfig, task: Task, labelCount: number, vocabRows: number): ParameterSpec[] {
  const { hiddenSize } = config;
  const list = new ParameterList();
  list.embeddingMatrix(EMBEDDING_MATRIX_NAME, vocabRows, hiddenSize);
  list.weight('roberta.embeddings.token_type_embeddings', [config.tokenTypeCount, hiddenSize]);
  list.layerNorm('roberta.embeddings.LayerNorm', hiddenSize);
  list.weight('roberta.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
  for (let layer = 0; layer < config.layerCount; layer++)
    addEncoderLayer(list, bertLayerNames(layerPrefix(layer)), config);
  if (task === 'masked-lm') {
    addMaskedLanguageModelHead(list, MASKED_LM, maskedLanguageModelOptions(config), vocabRows);
  } else {
    const head = { standardDeviation: HEAD_STANDARD_DEVIATION };
    list.linear('classifier.dense', hiddenSize, hiddenSize, head);
    list.linear('classifier.out_proj', outputCount(task, labelCount), hiddenSize, head);
  }
  return list.specs;
}

function output(config: RobertaConfig, context: ForwardContext): ModelOutput {
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
  const first = firstToken(builder, dimensions, context.reshape(hidden, [BATCH, LENGTH, config.hiddenSize]));
  const dense = context.linear(context.dropout(first, config.classifierDropout), 'classifier.dense');
  return {
    kind: 'logits',
    logits: context.linear(context.dropout(tanh(builder, dense), config.classifierDropout), 'classifier.out_proj'),
  };
}

/** `[tokens, hiddenSize]` */
function embeddings(config: RobertaConfig, context: ForwardContext): Tensor {
  const { builder } = context;
  const words = context.wordEmbedding('roberta.embeddings.word_embeddings');
  const types = context.embedding('roberta.embeddings.token_type_embeddings', zeroIds(context));
  // The position of padding is a padding row too, and gets no gradient.
  const positions = context.embedding(
    'roberta.embeddings.position_embeddings',
    paddedPositionIds(context, config.padTokenId),
    config.padTokenId,
  );
  const sum = add(builder, add(builder, words, types), positions);
  return context.dropout(
    context.layerNorm(sum, 'roberta.embeddings.LayerNorm', config.layerNormEpsilon),
    config.hiddenDropout,
  );
}
