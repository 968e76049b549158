import type { ConfigReader } from './config-reader.ts';
import { ACTIVATIONS, type Activation } from './forward-context.ts';

/** The fields of an encoder's config.json that decide the computation in every family. */
export interface EncoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly intermediateSize: number;
  readonly maxPositionCount: number;
  readonly activation: Activation;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly initializerRange: number;
  readonly padTokenId: number | undefined;
  /** Whether a language model's output matrix is the embedding matrix. */
  readonly isTied: boolean;
}

/** Names of the fields, by transformers' BertConfig. */
const BERT_FIELDS = {
  hiddenSize: 'hidden_size',
  layerCount: 'num_hidden_layers',
  headCount: 'num_attention_heads',
  intermediateSize: 'intermediate_size',
  activation: 'hidden_act',
  hiddenDropout: 'hidden_dropout_prob',
  attentionDropout: 'attention_probs_dropout_prob',
} as const;

/** @throws ModelError INVALID_CONFIG */
export function readEncoderConfig(
  reader: ConfigReader,
  defaultPadTokenId: number,
  fields: Readonly<Record<keyof typeof BERT_FIELDS, string>> = BERT_FIELDS,
): EncoderConfig {
  if (reader.get('is_decoder') === true) reader.fail('is_decoder', 'false (encoders only)');
  const hiddenSize = reader.count(fields.hiddenSize);
  const headCount = reader.count(fields.headCount);
  if (hiddenSize % headCount !== 0) reader.fail(fields.headCount, `a divisor of ${fields.hiddenSize} ${hiddenSize}`);
  const vocabSize = reader.count('vocab_size');
  return {
    vocabSize,
    hiddenSize,
    layerCount: reader.layerCount(fields.layerCount),
    headCount,
    intermediateSize: reader.count(fields.intermediateSize),
    maxPositionCount: reader.count('max_position_embeddings'),
    activation: reader.choice(fields.activation, 'gelu', ACTIVATIONS),
    hiddenDropout: reader.number(fields.hiddenDropout, 0.1, 0, 1),
    attentionDropout: reader.number(fields.attentionDropout, 0.1, 0, 1),
    initializerRange: reader.number('initializer_range', 0.02, 0, 100),
    padTokenId: reader.tokenId('pad_token_id', defaultPadTokenId, vocabSize),
    isTied: reader.flag('tie_word_embeddings', true),
  };
}

/** What BERT, ELECTRA and RoBERTa have beside. */
export interface BertConfig extends EncoderConfig {
  readonly tokenTypeCount: number;
  readonly layerNormEpsilon: number;
  readonly classifierDropout: number;
}

/** @throws ModelError INVALID_CONFIG */
export function readBertConfig(reader: ConfigReader, defaultPadTokenId: number): BertConfig {
  reader.choice('position_embedding_type', 'absolute', ['absolute']);
  const config = readEncoderConfig(reader, defaultPadTokenId);
  return {
    ...config,
    tokenTypeCount: reader.count('type_vocab_size', 2),
    layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1),
    classifierDropout: reader.number('classifier_dropout', config.hiddenDropout, 0, 1),
  };
}
