import type { ConfigReader } from './config-reader.ts';
import { ACTIVATIONS, type Activation } from './forward-context.ts';

export const T5_MODEL_TYPES = ['t5', 'mt5'] as const;
export type T5ModelType = (typeof T5_MODEL_TYPES)[number];

/** What decides the computation in T5 (arXiv 1910.10683), its version 1.1 and mT5 (arXiv 2010.11934). */
export interface T5Config {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly headCount: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  readonly encoderLayerCount: number;
  readonly decoderLayerCount: number;
  readonly bucketCount: number;
  /** In tokens; distances from here on share a bucket. */
  readonly maxDistance: number;
  readonly dropout: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  /** Whether the activation is of one product and multiplies another (arXiv 2002.05202). */
  readonly isGated: boolean;
  readonly decoderStartTokenId: number;
  /** Whether the output matrix is the embedding matrix. */
  readonly isTied: boolean;
  /** What the decoder's output is multiplied by before the output matrix. */
  readonly outputScale: number;
}

// Half of a direction's buckets hold one distance each: with fewer there is none.
const LEAST_BUCKETS = 4;

/** The fields of transformers' T5Config and MT5Config. */
export function readT5Config(modelType: T5ModelType, reader: ConfigReader): T5Config {
  if (!reader.flag('is_encoder_decoder', true)) reader.fail('is_encoder_decoder', 'true');
  const isMultilingual = modelType === 'mt5';
  const hiddenSize = reader.count('d_model', 512);
  const encoderLayerCount = reader.layerCount('num_layers', isMultilingual ? 8 : 6);
  const vocabSize = reader.count('vocab_size', isMultilingual ? 250_112 : 32_128);
  const bucketCount = reader.count('relative_attention_num_buckets', 32);
  if (bucketCount < LEAST_BUCKETS) reader.fail('relative_attention_num_buckets', `at least ${LEAST_BUCKETS}`);
  const maxDistance = reader.count('relative_attention_max_distance', 128);
  // The decoder's buckets are all of one direction.
  const exactDistances = Math.floor(bucketCount / 2);
  if (maxDistance <= exactDistances)
    reader.fail('relative_attention_max_distance', `more than ${exactDistances}, the distances with a bucket each`);
  const isTied = reader.flag('tie_word_embeddings', true);
  return {
    vocabSize,
    hiddenSize,
    headCount: reader.count('num_heads', isMultilingual ? 6 : 8),
    headSize: reader.count('d_kv', 64),
    intermediateSize: reader.count('d_ff', isMultilingual ? 1024 : 2048),
    encoderLayerCount,
    decoderLayerCount:
      (reader.get('num_decoder_layers') ?? undefined) === undefined
        ? encoderLayerCount
        : reader.layerCount('num_decoder_layers'),
    bucketCount,
    maxDistance,
    dropout: reader.number('dropout_rate', 0.1, 0, 1),
    normEpsilon: reader.number('layer_norm_epsilon', 1e-6, 0, 1),
    ...readFeedForward(reader, isMultilingual ? 'gated-gelu' : 'relu'),
    decoderStartTokenId: readStartToken(reader, isMultilingual ? 0 : undefined, vocabSize),
    isTied,
    outputScale: isScaled(reader, isMultilingual, isTied) ? 1 / Math.sqrt(hiddenSize) : 1,
  };
}

/** transformers scales the original T5's output, whose matrix is the embedding matrix, and never mT5's. */
function isScaled(reader: ConfigReader, isMultilingual: boolean, isTied: boolean): boolean {
  return !isMultilingual && reader.flag('scale_decoder_outputs', isTied);
}

/** `feed_forward_proj`: an activation, or `gated-` and an activation; gated-gelu is the one by tanh. */
function readFeedForward(reader: ConfigReader, fallback: string): { activation: Activation; isGated: boolean } {
  const value = reader.get('feed_forward_proj') ?? fallback;
  const [first, second, ...others] = typeof value === 'string' ? value.split('-') : [];
  const isGated = first === 'gated';
  const name = value === 'gated-gelu' ? 'gelu_new' : isGated ? second : first;
  const activation = ACTIVATIONS.find((candidate) => candidate === name);
  if (activation === undefined || others.length > 0 || (!isGated && second !== undefined))
    return reader.fail('feed_forward_proj', `one of ${ACTIVATIONS.join(', ')}, or gated- and one of them`);
  const given = reader.get('dense_act_fn') ?? activation;
  if (given !== activation) reader.fail('dense_act_fn', `${activation}, as feed_forward_proj says`);
  return { activation, isGated };
}

function readStartToken(reader: ConfigReader, fallback: number | undefined, vocabSize: number): number {
  const tokenId = reader.tokenId('decoder_start_token_id', fallback, vocabSize);
  return tokenId ?? reader.fail('decoder_start_token_id', `an integer from 0 to below ${vocabSize}`);
}
