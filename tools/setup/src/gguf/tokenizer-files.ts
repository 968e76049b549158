import type { LlamaShape } from './llama-shape.ts';
import type { LlamaVocabulary } from './vocabulary.ts';

const BYTE_LEVEL = { type: 'ByteLevel', trim_offsets: true, use_regex: true } as const;

/** `tokenizer.json` of SmolLM2: byte-level BPE that sees every digit alone and adds no special tokens. */
export function llamaTokenizerJson({ pieces, merges, controlTokenIds }: LlamaVocabulary): unknown {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: controlTokenIds.map((id) => ({
      id,
      content: pieces[id],
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    // What the file calls "smollm". Digits come first: of "in  1999", words found first would part the two spaces.
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { ...BYTE_LEVEL, add_prefix_space: false },
      ],
    },
    post_processor: null,
    decoder: { ...BYTE_LEVEL, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

/** `tokenizer_config.json`. */
export function llamaTokenizerConfigJson(vocabulary: LlamaVocabulary, shape: LlamaShape): unknown {
  const { pieces, beginTokenId, endTokenId, paddingTokenId, unknownTokenId, chatTemplate } = vocabulary;
  return {
    // A class that takes tokenizer.json as it is; transformers 5 builds GPT2Tokenizer's anew, without the digits.
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: pieces[beginTokenId],
    eos_token: pieces[endTokenId],
    pad_token: pieces[paddingTokenId],
    unk_token: pieces[unknownTokenId],
    clean_up_tokenization_spaces: false,
    model_input_names: ['input_ids', 'attention_mask'],
    model_max_length: shape.maxPositionCount,
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  };
}

/** `config.json`; `rope_theta` where transformers 4 wrote it, since 5 reads that too. */
export function llamaConfigJson(shape: LlamaShape, vocabulary: LlamaVocabulary): unknown {
  return {
    architectures: ['LlamaForCausalLM'],
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: vocabulary.beginTokenId,
    eos_token_id: vocabulary.endTokenId,
    head_dim: shape.headSize,
    hidden_act: 'silu',
    hidden_size: shape.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: shape.intermediateSize,
    max_position_embeddings: shape.maxPositionCount,
    mlp_bias: false,
    model_type: 'llama',
    num_attention_heads: shape.headCount,
    num_hidden_layers: shape.layerCount,
    num_key_value_heads: shape.keyValueHeadCount,
    pad_token_id: vocabulary.paddingTokenId,
    pretraining_tp: 1,
    rms_norm_eps: shape.rmsNormEpsilon,
    rope_scaling: null,
    rope_theta: shape.ropeTheta,
    tie_word_embeddings: true,
    torch_dtype: 'float32',
    use_cache: true,
    vocab_size: shape.vocabSize,
  };
}
