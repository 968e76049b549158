import type { E5Shape, E5Vocabulary } from './header.ts';

const METASPACE = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true } as const;

const special = (id: string): unknown => ({ SpecialToken: { id, type_id: 0 } });
const sequence = (id: string): unknown => ({ Sequence: { id, type_id: 0 } });

/** `tokenizer.json` of an XLM-RoBERTa tokenizer: Unigram behind SentencePiece's `nmt_nfkc` character map. */
export function e5TokenizerJson(vocabulary: E5Vocabulary, charsmap: Uint8Array): unknown {
  const { pieces, scores, beginTokenId, endTokenId, paddingTokenId, unknownTokenId } = vocabulary;
  const specials: [string, number][] = [
    ['<s>', beginTokenId],
    ['<pad>', paddingTokenId],
    ['</s>', endTokenId],
    ['<unk>', unknownTokenId],
  ];
  const maskTokenId = pieces.indexOf('<mask>');
  if (maskTokenId >= 0) specials.push(['<mask>', maskTokenId]);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials
      .sort(([, left], [, right]) => left - right)
      .map(([content, id]) => ({
        id,
        content,
        single_word: false,
        lstrip: content === '<mask>',
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        // The model's own normaliser maps a zero-width joiner to a space; SentencePiece's table has no entry for it.
        { type: 'Replace', pattern: { String: '\u200d' }, content: ' ' },
        { type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      ],
    },
    pre_tokenizer: METASPACE,
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('<s>'), sequence('A'), special('</s>')],
      pair: [special('<s>'), sequence('A'), special('</s>'), special('</s>'), sequence('B'), special('</s>')],
      special_tokens: {
        '<s>': { id: '<s>', ids: [beginTokenId], tokens: ['<s>'] },
        '</s>': { id: '</s>', ids: [endTokenId], tokens: ['</s>'] },
      },
    },
    decoder: METASPACE,
    model: {
      type: 'Unigram',
      unk_id: unknownTokenId,
      vocab: pieces.map((piece, id) => [piece, scores[id]]),
      byte_fallback: false,
    },
  };
}

/** `config.json`. Its pad_token_id is 0 although the tokenizer pads with 1, as published: it is the row without gradient. */
export function e5ConfigJson(shape: E5Shape): unknown {
  return {
    architectures: ['BertModel'],
    attention_probs_dropout_prob: 0.1,
    hidden_act: 'gelu',
    hidden_dropout_prob: 0.1,
    hidden_size: shape.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: shape.intermediateSize,
    layer_norm_eps: 1e-12,
    max_position_embeddings: shape.maxPositionCount,
    model_type: 'bert',
    num_attention_heads: shape.headCount,
    num_hidden_layers: shape.layerCount,
    pad_token_id: 0,
    position_embedding_type: 'absolute',
    type_vocab_size: shape.typeCount,
    vocab_size: shape.vocabSize,
    tokenizer_class: 'XLMRobertaTokenizer',
  };
}

/** `tokenizer_config.json`. */
export function e5TokenizerConfigJson(): unknown {
  return {
    tokenizer_class: 'XLMRobertaTokenizer',
    bos_token: '<s>',
    eos_token: '</s>',
    cls_token: '<s>',
    sep_token: '</s>',
    pad_token: '<pad>',
    unk_token: '<unk>',
    mask_token: '<mask>',
    model_max_length: 512,
  };
}
