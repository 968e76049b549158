import { ConfigReader } from './config-reader.ts';

export const BERT_ACTIVATIONS = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu'] as const;

/** The fields of a BERT config.json that decide the computation (transformers' BertConfig). */
export interface BertConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly intermediateSize: number;
  readonly maxPositionCount: number;
  readonly tokenTypeCount: number;
  readonly layerNormEpsilon: number;
  readonly activation: (typeof BERT_ACTIVATIONS)[number];
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
  readonly initializerRange: number;
  readonly padTokenId: number | undefined;
}

/** @throws ModelError INVALID_CONFIG */
export function parseBertConfig(config: unknown, fileName: string): BertConfig {
  const reader = new ConfigReader(config, fileName);
  reader.choice('position_embedding_type', 'absolute', ['absolute']);
  if (reader.get('is_decoder') === true) reader.fail('is_decoder', 'false (encoders only)');
  const hiddenSize = reader.count('hidden_size');
  const headCount = reader.count('num_attention_heads');
  if (hiddenSize % headCount !== 0) reader.fail('num_attention_heads', `a divisor of hidden_size ${hiddenSize}`);
  const hiddenDropout = reader.number('hidden_dropout_prob', 0.1, 0, 1);
  const vocabSize = reader.count('vocab_size');
  const padTokenId = reader.get('pad_token_id') === null ? undefined : reader.number('pad_token_id', 0, 0, vocabSize);
  if (padTokenId !== undefined && !Number.isInteger(padTokenId)) reader.fail('pad_token_id', 'an integer or null');
  return {
    vocabSize,
    hiddenSize,
    layerCount: reader.count('num_hidden_layers'),
    headCount,
    intermediateSize: reader.count('intermediate_size'),
    maxPositionCount: reader.count('max_position_embeddings'),
    tokenTypeCount: reader.count('type_vocab_size'),
    layerNormEpsilon: reader.number('layer_norm_eps', 1e-12, 0, 1),
    activation: reader.choice('hidden_act', 'gelu', BERT_ACTIVATIONS),
    hiddenDropout,
    attentionDropout: reader.number('attention_probs_dropout_prob', 0.1, 0, 1),
    classifierDropout: reader.number('classifier_dropout', hiddenDropout, 0, 1),
    initializerRange: reader.number('initializer_range', 0.02, 0, 100),
    padTokenId,
  };
}
