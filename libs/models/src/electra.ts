import { add, firstToken, gelu, type Tensor } from '@pemmican/graph';
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

interface ElectraConfig extends EncoderConfig {
  /** Width of the embeddings, which are projected to hiddenSize where it differs. */
  readonly embeddingSize: number;
  readonly tokenTypeCount: number;
  readonly layerNormEpsilon: number;
  readonly classifierDropout: number;
}

const PREFIX = 'electra.';
const EMBEDDING_MATRIX_NAME = 'electra.embeddings.word_embeddings.weight';

/** ELECTRA encoders (arXiv 2003.10555; transformers' ElectraForSequenceClassification). */
export function electraModel(config: unknown, fileName: string): Model {
  const parsed = parseConfig(new ConfigReader(config, fileName));
  return {
    modelType: 'electra',
    vocabSize: parsed.vocabSize,
    hiddenSize: parsed.embeddingSize,
    maxSequenceLength: parsed.maxPositionCount,
    padTokenId: parsed.padTokenId,
    tasks: ENCODER_TASKS,
    isTied: (task) => task === 'masked-lm' && parsed.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
    basePrefix: PREFIX,
    headWeightName: 'classifier.out_proj.weight',
    parameters: (task, labelCount, vocabRows) => parameters(parsed, task, labelCount, vocabRows),
    checkpointNames: (name) => checkpointNames(name, PREFIX),
    forward: (...graph) => output(parsed, new ForwardContext(...graph)),
    architecture: (task) => (task === 'masked-lm' ? 'ElectraForMaskedLM' : 'ElectraForSequenceClassification'),
  };
}

function parseConfig(reader: ConfigReader): ElectraConfig {
  reader.choice('position_embedding_type', 'absolute', ['absolute']);
  const config = readEncoderConfig(reader, 0);
  return {
    ...config,
    embeddingSize: reader.count('embedding_size', 128),
    tokenTypeCount: reader.count('type_vocab_size', 2),
    layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1),
    classifierDropout: reader.number('classifier_dropout', config.hiddenDropout, 0, 1),
  };
}

const layerPrefix = (layer: number): string => `electra.encoder.layer.${layer}`;

const MASKED_LM: MaskedLanguageModelNames = {
  dense: 'generator_predictions.dense',
  norm: 'generator_predictions.LayerNorm',
  decoder: 'generator_lm_head',
  tiedBias: 'generator_lm_head.bias',
};

function maskedLanguageModelOptions(config: ElectraConfig): MaskedLanguageModelOptions {
  return {
    hiddenSize: config.hiddenSize,
    outputSize: config.embeddingSize,
    activation: 'gelu',
    layerNormEpsilon: config.layerNormEpsilon,
    isTied: config.isTied,
    embeddingMatrixName: EMBEDDING_MATRIX_NAME,
  };
}

function parameters(config: ElectraConfig, task: Task, labelCount: number, vocabRows: number): ParameterSpec[] {
  const { hiddenSize, embeddingSize } = config;
  const list = new ParameterList();
  list.embeddingMatrix(EMBEDDING_MATRIX_NAME, vocabRows, embeddingSize);
  list.weight('electra.embeddings.position_embeddings', [config.maxPositionCount, embeddingSize]);
  list.weight('electra.embeddings.token_type_embeddings', [config.tokenTypeCount, embeddingSize]);
  list.layerNorm('electra.embeddings.LayerNorm', embeddingSize);
  if (embeddingSize !== hiddenSize) list.linear('electra.embeddings_project', hiddenSize, embeddingSize);
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

function output(config: ElectraConfig, context: ForwardContext): ModelOutput {
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
    logits: context.linear(context.dropout(gelu(builder, dense), config.classifierDropout), 'classifier.out_proj'),
  };
}

/** `[tokens, hiddenSize]` */
function embeddings(config: ElectraConfig, context: ForwardContext): Tensor {
  const { builder } = context;
  const words = context.wordEmbedding('electra.embeddings.word_embeddings');
  const types = context.embedding(
    'electra.embeddings.token_type_embeddings',
    context.reshape(context.inputs.tokenTypeIds, [TOKENS]),
  );
  const positions = context.embedding('electra.embeddings.position_embeddings', positionIds(context));
  const sum = add(builder, add(builder, words, types), positions);
  const normalized = context.layerNorm(sum, 'electra.embeddings.LayerNorm', config.layerNormEpsilon);
  const dropped = context.dropout(normalized, config.hiddenDropout);
  return config.embeddingSize === config.hiddenSize ? dropped : context.linear(dropped, 'electra.embeddings_project');
}
