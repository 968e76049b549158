import { parseModel } from '@pemmican/models';

/** A published model: its tokenizer among the set-up's, and what its config.json says of sizes. */
export interface PublishedModel {
  readonly name: string;
  readonly tokenizer: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Parameters of the model with a classification head of two labels, without an output matrix over the vocabulary. */
  readonly parameterCount: number;
}

/** Size of a model, by the product's own description of its family. */
function publishedModel(
  name: string,
  tokenizer: string,
  config: Readonly<Record<string, string | number | boolean>>,
): PublishedModel {
  const model = parseModel(config, name);
  const { vocabSize, hiddenSize } = model;
  const parameters = model.parameters('sequence-classification', 2, vocabSize);
  const parameterCount = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return { name, tokenizer, vocabSize, hiddenSize, parameterCount };
}

const bert = (hiddenSize: number, layers: number, vocabSize: number): Readonly<Record<string, string | number>> => ({
  model_type: 'bert',
  vocab_size: vocabSize,
  hidden_size: hiddenSize,
  num_hidden_layers: layers,
  num_attention_heads: 12,
  intermediate_size: 4 * hiddenSize,
  max_position_embeddings: 512,
  type_vocab_size: 2,
});

/** The models, by the size of their vocabulary; the first of a tokenizer stands for it where one model is enough. */
export const MODELS: readonly PublishedModel[] = [
  publishedModel('BERT base, uncased', 'bert-base-uncased', bert(768, 12, 30_522)),
  publishedModel('all-MiniLM-L6-v2', 'bert-base-uncased', bert(384, 6, 30_522)),
  // Llama's architecture; its config says mistral.
  publishedModel('Mistral 7B', 'llama2', {
    model_type: 'llama',
    vocab_size: 32_000,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14_336,
    max_position_embeddings: 32_768,
  }),
  publishedModel('SmolLM2 135M', 'SmolLM2-135M-Instruct', {
    model_type: 'llama',
    vocab_size: 49_152,
    hidden_size: 576,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    max_position_embeddings: 8192,
    tie_word_embeddings: true,
  }),
  publishedModel('GPT-2', 'gpt2', {
    model_type: 'gpt2',
    vocab_size: 50_257,
    n_embd: 768,
    n_layer: 12,
    n_head: 12,
    n_positions: 1024,
  }),
  publishedModel('Llama 3.2 1B', 'llama3', {
    model_type: 'llama',
    vocab_size: 128_256,
    hidden_size: 2048,
    num_hidden_layers: 16,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 8192,
    max_position_embeddings: 131_072,
    tie_word_embeddings: true,
  }),
  publishedModel('Qwen3 0.6B', 'qwen3', {
    model_type: 'qwen3',
    vocab_size: 151_936,
    hidden_size: 1024,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 3072,
    max_position_embeddings: 40_960,
    tie_word_embeddings: true,
  }),
  publishedModel('XLM-R base', 'multilingual-e5-small', {
    model_type: 'xlm-roberta',
    vocab_size: 250_002,
    hidden_size: 768,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    intermediate_size: 3072,
    max_position_embeddings: 514,
    type_vocab_size: 1,
    pad_token_id: 1,
  }),
  publishedModel('multilingual-e5-small', 'multilingual-e5-small', bert(384, 12, 250_037)),
  publishedModel('Gemma 2 2B', 'gemini', {
    model_type: 'gemma2',
    vocab_size: 256_000,
    hidden_size: 2304,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    intermediate_size: 9216,
    max_position_embeddings: 8192,
  }),
  publishedModel('Gemma 3 270M', 'gemma3', {
    model_type: 'gemma3_text',
    vocab_size: 262_144,
    hidden_size: 640,
    num_hidden_layers: 18,
    num_attention_heads: 4,
    num_key_value_heads: 1,
    head_dim: 256,
    intermediate_size: 2048,
    max_position_embeddings: 32_768,
  }),
];

/** Tokenizers of the models, by the size of the vocabulary. */
export const TOKENIZERS: readonly string[] = [...new Set(MODELS.map(({ tokenizer }) => tokenizer))];
