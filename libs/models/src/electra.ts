import { gelu } from '@pemmican/graph';
import { bertEmbeddings } from './bert.ts';
import { ConfigReader } from './config-reader.ts';
import { readBertConfig } from './encoder-config.ts';
import { bertLayerNames } from './encoder-layer.ts';
import { encoderModel, postNormLayers } from './encoder.ts';
import type { Model } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION } from './parameter-list.ts';

/** ELECTRA encoders (arXiv 2003.10555): BERT whose embeddings may be narrower than its layers, and are then projected. */
export function electraModel(fields: unknown, fileName: string): Model {
  const reader = new ConfigReader(fields, fileName);
  const config = readBertConfig(reader, 0);
  const embeddingSize = reader.count('embedding_size', 128);
  const isProjected = embeddingSize !== config.hiddenSize;
  return encoderModel({
    modelType: 'electra',
    architecturePrefix: 'Electra',
    prefix: 'electra.',
    config,
    maxSequenceLength: config.maxPositionCount,
    padTokenId: config.padTokenId,
    embeddingSize,
    ...postNormLayers(config, (layer) => `electra.encoder.layer.${layer}`, bertLayerNames),
    addEmbeddings: (list) => {
      list.weight('electra.embeddings.position_embeddings', [config.maxPositionCount, embeddingSize]);
      list.weight('electra.embeddings.token_type_embeddings', [config.tokenTypeCount, embeddingSize]);
      list.layerNorm('electra.embeddings.LayerNorm', embeddingSize);
      if (isProjected) list.linear('electra.embeddings_project', config.hiddenSize, embeddingSize);
    },
    embeddings: (context) => {
      const embeddings = bertEmbeddings(config, context, 'electra.embeddings');
      return isProjected ? context.linear(embeddings, 'electra.embeddings_project') : embeddings;
    },
    tokenDropout: config.classifierDropout,
    head: {
      dense: 'classifier.dense',
      denseStandardDeviation: HEAD_STANDARD_DEVIATION,
      inputDropout: config.classifierDropout,
      // Not tanh as in BERT's kin.
      activate: (context, x) => gelu(context.builder, x),
      outputDropout: config.classifierDropout,
      output: 'classifier.out_proj',
    },
    maskedLanguageModel: {
      dense: 'generator_predictions.dense',
      norm: 'generator_predictions.LayerNorm',
      decoder: 'generator_lm_head',
      tiedBias: 'generator_lm_head.bias',
      activation: 'gelu',
      layerNormEpsilon: config.layerNormEpsilon,
    },
  });
}
