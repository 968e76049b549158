import { TokenizerError } from './error.ts';

const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The tokenizer.json that transformers' BertTokenizer makes of a vocab.txt and its tokenizer_config.json. */
export function wordPieceFromVocabTxt(
  vocabTxt: string | Uint8Array,
  options: { fileName: string; config?: unknown },
): unknown {
  let text: string;
  try {
    text = typeof vocabTxt === 'string' ? vocabTxt : new TextDecoder('utf-8', { fatal: true }).decode(vocabTxt);
  } catch (cause) {
    throw new TokenizerError('INVALID_UTF8', `${options.fileName}: is not valid UTF-8`, { cause });
  }
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const vocab = new Map<string, number>();
  lines.forEach((token, id) => vocab.set(token, id));
  const fields =
    typeof options.config === 'object' && options.config !== null ? (options.config as Record<string, unknown>) : {};
  const idOf = (token: string): number => {
    const id = vocab.get(token);
    if (id === undefined) throw new TokenizerError('INVALID_TOKENIZER', `${options.fileName}: has no token "${token}"`);
    return id;
  };
  return {
    added_tokens: SPECIAL_TOKENS.filter((token) => vocab.has(token)).map((content) => ({
      id: idOf(content),
      content,
      special: true,
      normalized: false,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: fields['tokenize_chinese_chars'] ?? true,
      strip_accents: fields['strip_accents'] ?? null,
      lowercase: fields['do_lower_case'] ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', cls: ['[CLS]', idOf('[CLS]')], sep: ['[SEP]', idOf('[SEP]')] },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocab),
    },
  };
}
