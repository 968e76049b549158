import { add, type Tensor } from '@pemmican/graph';
import { paddedPositionIds } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import { readEncoderConfig, type EncoderConfig } from './encoder-config.ts';
import type { EncoderLayerNames } from './encoder-layer.ts';
import { encoderModel, postNormLayers } from './encoder.ts';
import type { ForwardContext } from './forward-context.ts';
import type { Model } from './model-family.ts';
import { relativePositionScores } from './relative-position.ts';
import { robertaHead, robertaMaskedLanguageModel } from './roberta.ts';

interface MpnetConfig extends EncoderConfig {
  readonly layerNormEpsilon: number;
  readonly bucketCount: number;
}

const RELATIVE_POSITIONS = 'mpnet.encoder.relative_attention_bias';
// transformers fixes these whatever the config says.
const PADDING_ID = 1;
const BUCKETS_IN_USE = { bucketCount: 32, maxDistance: 128, isBidirectional: true };

/** MPNet encoders (arXiv 2004.09297; transformers' MPNetForSequenceClassification): learned scores of relative positions. */
export function mpnetModel(fields: unknown, fileName: string): Model {
  const config = parseConfig(new ConfigReader(fields, fileName));
  const { hiddenSize } = config;
  return encoderModel({
    modelType: 'mpnet',
    architecturePrefix: 'MPNet',
    prefix: 'mpnet.',
    config,
    maxSequenceLength: config.maxPositionCount - PADDING_ID - 1,
    padTokenId: PADDING_ID,
    embeddingSize: hiddenSize,
    ...postNormLayers(config, (layer) => `mpnet.encoder.layer.${layer}`, layerNames, {
      positionScores: (context) => relativePositionScores(context, RELATIVE_POSITIONS, BUCKETS_IN_USE),
    }),
    addEmbeddings: (list) => {
      list.weight('mpnet.embeddings.position_embeddings', [config.maxPositionCount, hiddenSize]);
      list.layerNorm('mpnet.embeddings.LayerNorm', hiddenSize);
    },
    addShared: (list) => {
      list.weight(RELATIVE_POSITIONS, [config.bucketCount, config.headCount]);
    },
    embeddings: (context) => embeddings(config, context),
    tokenDropout: config.hiddenDropout,
    head: robertaHead(config.hiddenDropout),
    maskedLanguageModel: robertaMaskedLanguageModel(config.layerNormEpsilon),
  });
}

function parseConfig(reader: ConfigReader): MpnetConfig {
  const config = readEncoderConfig(reader, PADDING_ID);
  if (config.vocabSize <= PADDING_ID) reader.fail('vocab_size', `more than ${PADDING_ID}, the id of padding`);
  if (config.maxPositionCount <= PADDING_ID + 1) reader.fail('max_position_embeddings', `more than ${PADDING_ID + 1}`);
  const least = BUCKETS_IN_USE.bucketCount;
  const bucketCount = reader.count('relative_attention_num_buckets', least);
  if (bucketCount < least) reader.fail('relative_attention_num_buckets', `at least ${least}`);
  return { ...config, bucketCount, layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1) };
}

function layerNames(prefix: string): EncoderLayerNames {
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
