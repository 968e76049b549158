import { add, tanh, type Tensor } from '@pemmican/graph';
import { positionIds } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import { readBertConfig, type BertConfig } from './encoder-config.ts';
import { bertLayerNames } from './encoder-layer.ts';
import { encoderModel, postNormLayers } from './encoder.ts';
import { TOKENS, type ForwardContext } from './forward-context.ts';
import type { Model } from './model-family.ts';

/** BERT encoders with a pooler and a head (arXiv 1810.04805; transformers' BertForSequenceClassification, eager attention). */
export function bertModel(fields: unknown, fileName: string): Model {
  const config = readBertConfig(new ConfigReader(fields, fileName), 0);
  const { hiddenSize } = config;
  return encoderModel({
    modelType: 'bert',
    architecturePrefix: 'Bert',
    prefix: 'bert.',
    config,
    maxSequenceLength: config.maxPositionCount,
    padTokenId: config.padTokenId,
    embeddingSize: hiddenSize,
    ...postNormLayers(config, (layer) => `bert.encoder.layer.${layer}`, bertLayerNames),
    addEmbeddings: (list) => {
      list.weight('bert.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
      list.weight('bert.embeddings.token_type_embeddings', [config.tokenTypeCount, hiddenSize]);
      list.layerNorm('bert.embeddings.LayerNorm', hiddenSize);
    },
    embeddings: (context) => bertEmbeddings(config, context, 'bert.embeddings'),
    tokenDropout: config.classifierDropout,
    head: {
      dense: 'bert.pooler.dense',
      denseStandardDeviation: config.initializerRange,
      activate: (context, x) => tanh(context.builder, x),
      outputDropout: config.classifierDropout,
      output: 'classifier',
    },
    maskedLanguageModel: {
      dense: 'cls.predictions.transform.dense',
      norm: 'cls.predictions.transform.LayerNorm',
      decoder: 'cls.predictions.decoder',
      tiedBias: 'cls.predictions.bias',
      activation: config.activation,
      layerNormEpsilon: config.layerNormEpsilon,
    },
  });
}

/**
 * Words, token types and positions, `[tokens, embeddingSize]`.
 * @param name of the embeddings, such as `bert.embeddings`
 */
export function bertEmbeddings(config: BertConfig, context: ForwardContext, name: string): Tensor {
  const { builder } = context;
  const words = context.wordEmbedding(`${name}.word_embeddings`);
  const types = context.embedding(
    `${name}.token_type_embeddings`,
    context.reshape(context.inputs.tokenTypeIds, [TOKENS]),
  );
  const positions = context.embedding(`${name}.position_embeddings`, positionIds(context));
  const sum = add(builder, add(builder, words, types), positions);
  return context.dropout(context.layerNorm(sum, `${name}.LayerNorm`, config.layerNormEpsilon), config.hiddenDropout);
}
