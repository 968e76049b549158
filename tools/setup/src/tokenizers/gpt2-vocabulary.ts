const END_OF_TEXT = '<|endoftext|>';

/** tokenizer.json as transformers writes it for gpt2, out of OpenAI's encoder.json and vocab.bpe. */
export function gpt2Tokenizer(encoder: Readonly<Record<string, number>>, vocabBpe: string): unknown {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: encoder[END_OF_TEXT],
        content: END_OF_TEXT,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: true,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab: encoder,
      // The first line says the version of the format.
      merges: vocabBpe.split('\n').slice(1).filter(Boolean),
    },
  };
}

/** The part of gpt2's tokenizer_config.json that decides ids. */
export const GPT2_CONFIG: unknown = {
  tokenizer_class: 'GPT2Tokenizer',
  model_max_length: 1024,
  bos_token: END_OF_TEXT,
  eos_token: END_OF_TEXT,
  unk_token: END_OF_TEXT,
};
