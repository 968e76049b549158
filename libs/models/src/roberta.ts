import { add, tanh, type Tensor } from '@pemmican/graph';
import { paddedPositionIds, zeroIds } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import { readBertConfig, type BertConfig } from './encoder-config.ts';
import { bertLayerNames } from './encoder-layer.ts';
import { encoderModel, postNormLayers, type ClassificationHead } from './encoder.ts';
import type { ForwardContext } from './forward-context.ts';
import type { MaskedLanguageModel } from './language-model-head.ts';
import type { Model } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION } from './parameter-list.ts';

interface RobertaConfig extends BertConfig {
  readonly padTokenId: number;
}

const ARCHITECTURE_PREFIXES = { roberta: 'Roberta', 'xlm-roberta': 'XLMRoberta' } as const;

/**
 * RoBERTa (arXiv 1907.11692), and XLM-R (arXiv 1911.02116) and XLM-V (arXiv 2301.10472), which have its architecture.
 * Positions count from `pad_token_id + 1` and skip padding; every token has type 0, as transformers' tokenizers of these
 * families give no token types.
 */
export function robertaModel(modelType: keyof typeof ARCHITECTURE_PREFIXES, fields: unknown, fileName: string): Model {
  const config = parseConfig(new ConfigReader(fields, fileName));
  const { hiddenSize } = config;
  return encoderModel({
    modelType,
    architecturePrefix: ARCHITECTURE_PREFIXES[modelType],
    prefix: 'roberta.',
    config,
    maxSequenceLength: config.maxPositionCount - config.padTokenId - 1,
    padTokenId: config.padTokenId,
    embeddingSize: hiddenSize,
    ...postNormLayers(config, (layer) => `roberta.encoder.layer.${layer}`, bertLayerNames),
    addEmbeddings: (list) => {
      list.weight('roberta.embeddings.token_type_embeddings', [config.tokenTypeCount, hiddenSize]);
      list.layerNorm('roberta.embeddings.LayerNorm', hiddenSize);
      list.weight('roberta.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
    },
    embeddings: (context) => embeddings(config, context),
    tokenDropout: config.classifierDropout,
    head: robertaHead(config.classifierDropout),
    maskedLanguageModel: robertaMaskedLanguageModel(config.layerNormEpsilon),
  });
}

/** The head of RoBERTa and MPNet. */
export function robertaHead(dropout: number): ClassificationHead {
  return {
    dense: 'classifier.dense',
    denseStandardDeviation: HEAD_STANDARD_DEVIATION,
    inputDropout: dropout,
    activate: (context, x) => tanh(context.builder, x),
    outputDropout: dropout,
    output: 'classifier.out_proj',
  };
}

/** The masked language model of RoBERTa and MPNet. */
export function robertaMaskedLanguageModel(layerNormEpsilon: number): MaskedLanguageModel {
  return {
    dense: 'lm_head.dense',
    norm: 'lm_head.layer_norm',
    decoder: 'lm_head.decoder',
    tiedBias: 'lm_head.bias',
    activation: 'gelu',
    layerNormEpsilon,
  };
}

function parseConfig(reader: ConfigReader): RobertaConfig {
  const config = readBertConfig(reader, 1);
  const { padTokenId, maxPositionCount } = config;
  if (padTokenId === undefined) return reader.fail('pad_token_id', 'an integer (positions count from it)');
  if (padTokenId + 1 >= maxPositionCount)
    return reader.fail('max_position_embeddings', `more than pad_token_id + 1 = ${padTokenId + 1}`);
  return { ...config, padTokenId };
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
