import { add, relu, type Tensor } from '@pemmican/graph';
import { positionIds } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import { readEncoderConfig, type EncoderConfig } from './encoder-config.ts';
import type { EncoderLayerNames } from './encoder-layer.ts';
import { encoderModel, postNormLayers } from './encoder.ts';
import type { ForwardContext } from './forward-context.ts';
import type { Model } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION } from './parameter-list.ts';

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
export function distilbertModel(fields: unknown, fileName: string): Model {
  const reader = new ConfigReader(fields, fileName);
  const config = { ...readEncoderConfig(reader, 0, FIELDS), layerNormEpsilon: LAYER_NORM_EPSILON };
  const { hiddenSize } = config;
  return encoderModel({
    modelType: 'distilbert',
    architecturePrefix: 'DistilBert',
    prefix: 'distilbert.',
    config,
    maxSequenceLength: config.maxPositionCount,
    padTokenId: config.padTokenId,
    embeddingSize: hiddenSize,
    ...postNormLayers(config, (layer) => `distilbert.transformer.layer.${layer}`, layerNames, {
      attentionOutputDropout: 0,
    }),
    addEmbeddings: (list) => {
      list.weight('distilbert.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
      list.layerNorm('distilbert.embeddings.LayerNorm', hiddenSize);
    },
    embeddings: (context) => embeddings(config, context),
    tokenDropout: config.hiddenDropout,
    answerDropout: reader.number('qa_dropout', 0.1, 0, 1),
    head: {
      dense: 'pre_classifier',
      denseStandardDeviation: HEAD_STANDARD_DEVIATION,
      activate: (context, x) => relu(context.builder, x),
      outputDropout: reader.number('seq_classif_dropout', 0.2, 0, 1),
      output: 'classifier',
    },
    maskedLanguageModel: {
      dense: 'vocab_transform',
      norm: 'vocab_layer_norm',
      decoder: 'vocab_projector',
      tiedBias: 'vocab_projector.bias',
      activation: config.activation,
      layerNormEpsilon: LAYER_NORM_EPSILON,
    },
  });
}

function layerNames(prefix: string): EncoderLayerNames {
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

/** `[tokens, hiddenSize]` */
function embeddings(config: EncoderConfig, context: ForwardContext): Tensor {
  const words = context.wordEmbedding('distilbert.embeddings.word_embeddings');
  const positions = context.embedding('distilbert.embeddings.position_embeddings', positionIds(context));
  const sum = add(context.builder, words, positions);
  const normalized = context.layerNorm(sum, 'distilbert.embeddings.LayerNorm', LAYER_NORM_EPSILON);
  return context.dropout(normalized, config.hiddenDropout);
}
