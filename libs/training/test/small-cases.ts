// One case a task, of several families, with what changes the graph: decay, recomputation, bfloat16, adapters, frozen parameters.
import type { SmallCase } from './small-runs.ts';

const SIZES = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 48, max_position_embeddings: 32, pad_token_id: 0 }; // prettier-ignore
const BERT = {
  ...SIZES, model_type: 'bert', type_vocab_size: 2, layer_norm_eps: 1e-12, hidden_act: 'gelu', hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1,
}; // prettier-ignore
const LLAMA = { ...SIZES, model_type: 'llama', num_key_value_heads: 2, rms_norm_eps: 1e-5, tie_word_embeddings: true };
const MT5 = {
  model_type: 'mt5', d_model: 32, d_kv: 8, d_ff: 48, num_layers: 2, num_heads: 4, pad_token_id: 0, decoder_start_token_id: 0, tie_word_embeddings: false,
  dropout_rate: 0.1,
}; // prettier-ignore
const LORA = {
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  targetModules: ['all-linear'],
  hasRankStabilization: false,
  drawnModules: [],
  trainsEmbeddings: false,
};

export const SMALL_CASES: Readonly<Record<string, SmallCase>> = {
  'BERT, sequence classification, weight decay': {
    config: BERT,
    options: { task: 'sequence-classification', weightDecay: 0.01 },
  },
  'BERT, masked language model, recomputation': {
    config: BERT,
    options: { task: 'masked-lm', gradientCheckpointing: true },
  },
  'DeBERTa, token classification': {
    config: {
      ...BERT, model_type: 'deberta-v2', relative_attention: true, position_buckets: 16, share_att_key: true, norm_rel_ebd: 'layer_norm', pos_att_type: 'p2c|c2p',
      position_biased_input: false, type_vocab_size: 0,
    }, // prettier-ignore
    options: { task: 'token-classification' },
  },
  'ELECTRA, question answering, frozen embeddings': {
    config: { ...BERT, model_type: 'electra', embedding_size: 32 },
    options: { task: 'question-answering' },
    freeze: ['*.word_embeddings.weight'],
  },
  'BERT, regression, bfloat16': { config: BERT, options: { task: 'regression', bf16: true } },
  'Llama, causal language model, LoRA': { config: LLAMA, options: { task: 'causal-lm' }, lora: LORA },
  'mT5, sequence-to-sequence, untied': { config: MT5, options: { task: 'seq2seq-lm' } },
};
