import { VocabularyError } from './error.ts';
import { FieldReader } from './field-reader.ts';
import { reduceBpe } from './reduced-bpe.ts';
import type { TokenIdMap } from './token-id-map.ts';

type JsonObject = Readonly<Record<string, unknown>>;

// Models whose vocabulary is an object of piece and id, and which a piece that is never chosen can be taken from.
const MAPPED_MODELS: readonly unknown[] = ['WordPiece', 'WordLevel'];

export interface ReduceTokenizerOptions {
  /**
   * Tokens without a row stay as well, at ids past the rows: every text is cut into the same tokens as by the full
   * tokenizer, and a token that has no row shows by its id. Needed where records are longer than the model's sequence: a
   * tokenizer sees the whole word that the cut goes through, of whose pieces only the first are kept. Not the default, since
   * text that was not counted then comes out with ids past the rows where it need not.
   */
  readonly keepsOtherTokens?: boolean;
}

/**
 * A `tokenizer.json` (Hugging Face) that yields reduced token ids by itself: its model has only the pieces whose rows are
 * kept, renumbered, and so have the added tokens and the post-processor.
 *
 * On text whose pieces are all kept it yields exactly the reduced ids of what the full tokenizer yields: WordPiece takes the
 * longest piece that matches and Unigram the path of the highest score, and either is still there while its rivals are
 * fewer; BPE keeps the merges that lead to kept tokens, and tokens that these pass through at ids past the rows. On other
 * text pieces that are not kept are replaced by smaller ones or the unknown token; with BPE, tokens past the rows can come
 * out, and do for characters that nothing kept has where there is no unknown token.
 * @throws VocabularyError INVALID_TOKENIZER; UNSUPPORTED_TOKENIZER; INVALID_TOKEN_IDS when a token that the tokenizer inserts
 *   itself is not kept
 */
export function reduceTokenizer(
  json: unknown,
  tokenIdMap: TokenIdMap,
  fileName: string,
  options: ReduceTokenizerOptions = {},
): Record<string, unknown> {
  const reader = new FieldReader(json, fileName, 'INVALID_TOKENIZER');
  const reduction = new Reduction(tokenIdMap, fileName, options.keepsOtherTokens ?? false);
  const addedTokens = (reader.get('added_tokens') ?? []) as unknown;
  if (!Array.isArray(addedTokens)) reader.fail('added_tokens', 'a list');
  const added = reduction.addedTokens(addedTokens as unknown[]);
  return {
    ...(json as JsonObject),
    padding: reduction.padding(reader.get('padding')),
    added_tokens: added,
    post_processor: reduction.postProcessor(reader.get('post_processor')),
    model: reduction.model(reader.get('model'), added),
  };
}

// transformers 5 builds this class's tokenizer anew, of the vocabulary alone, and leaves out what tokenizer.json does to white
// space: half of a data set's rows get other ids.
const REBUILT_CLASS = /^XLMRobertaTokenizer(?:Fast)?$/;
// A class that takes tokenizer.json as it is, told what the other one gives a model.
const PLAIN_CLASS = { tokenizer_class: 'PreTrainedTokenizerFast', model_input_names: ['input_ids', 'attention_mask'] };

/** A tokenizer_config.json with the ids of its added tokens in the reduced space. */
export function reduceTokenizerConfig(
  json: unknown,
  tokenIdMap: TokenIdMap,
  fileName: string,
): Record<string, unknown> {
  const reader = new FieldReader(json, fileName, 'INVALID_TOKENIZER');
  const className = reader.get('tokenizer_class');
  const isRebuilt = typeof className === 'string' && REBUILT_CLASS.test(className);
  const names = reader.get('model_input_names');
  const config = {
    ...(json as JsonObject),
    ...(isRebuilt ? { ...PLAIN_CLASS, ...(names === undefined ? {} : { model_input_names: names }) } : {}),
  };
  const decoder = reader.get('added_tokens_decoder');
  if (decoder === undefined) return config;
  if (typeof decoder !== 'object' || decoder === null) reader.fail('added_tokens_decoder', 'an object');
  const entries = Object.entries(decoder as JsonObject)
    .map(([id, token]) => [tokenIdMap.toReducedId(Number(id)), token] as const)
    .filter(([id]) => id >= 0);
  return { ...config, added_tokens_decoder: Object.fromEntries(entries) };
}

/**
 * Full id of the unknown token of a `tokenizer.json`; undefined where it has none.
 * @throws VocabularyError INVALID_TOKENIZER
 */
export function unkTokenIdOf(json: unknown, fileName: string): number | undefined {
  const reader = new FieldReader(json, fileName, 'INVALID_TOKENIZER');
  const model = new FieldReader(reader.get('model'), `${fileName}: model`, 'INVALID_TOKENIZER');
  if (typeof model.get('unk_id') === 'number') return model.count('unk_id');
  const unkToken = model.get('unk_token');
  if (typeof unkToken !== 'string') return undefined;
  const id = (model.get('vocab') as JsonObject | undefined)?.[unkToken];
  if (typeof id === 'number') return id;
  const added = (reader.get('added_tokens') ?? []) as { content?: unknown; id?: unknown }[];
  const found = added.find((token) => token.content === unkToken)?.id;
  return typeof found === 'number' ? found : undefined;
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
}

class Reduction {
  readonly #map: TokenIdMap;
  readonly #fileName: string;
  readonly #keepsOtherTokens: boolean;

  constructor(tokenIdMap: TokenIdMap, fileName: string, keepsOtherTokens: boolean) {
    this.#map = tokenIdMap;
    this.#fileName = fileName;
    this.#keepsOtherTokens = keepsOtherTokens;
  }

  /** Added tokens that are kept, in the order of their ids. */
  addedTokens(tokens: readonly unknown[]): (JsonObject & AddedToken)[] {
    return tokens
      .map((token, index) => {
        const reader = this.#reader(token, `added_tokens[${index}]`);
        return {
          ...(token as JsonObject),
          id: this.#map.toReducedId(reader.count('id')),
          content: reader.text('content'),
        };
      })
      .filter(({ id }) => id >= 0);
  }

  padding(padding: unknown): unknown {
    if (padding === undefined || padding === null) return padding ?? null;
    const padId = this.#reader(padding, 'padding').count('pad_id');
    return { ...(padding as JsonObject), pad_id: this.#keptId(padId, 'padding') };
  }

  /** The post-processor, whose inserted tokens have ids of their own. */
  postProcessor(processor: unknown): unknown {
    if (processor === undefined || processor === null) return processor ?? null;
    const reader = this.#reader(processor, 'post_processor');
    const fields = processor as JsonObject;
    switch (reader.get('type')) {
      case 'Sequence':
        return { ...fields, processors: reader.list('processors').map((part) => this.postProcessor(part)) };
      case 'BertProcessing':
      case 'RobertaProcessing':
        return { ...fields, sep: this.#namedToken(reader, 'sep'), cls: this.#namedToken(reader, 'cls') };
      case 'TemplateProcessing':
        return { ...fields, special_tokens: this.#templateTokens(reader.get('special_tokens')) };
      default:
        return processor;
    }
  }

  model(model: unknown, added: readonly AddedToken[]): JsonObject {
    const reader = this.#reader(model, 'model');
    const type = reader.get('type') ?? (reader.get('merges') === undefined ? 'WordPiece' : 'BPE');
    if (MAPPED_MODELS.includes(type)) return { ...(model as JsonObject), vocab: this.#mappedVocab(reader, added) };
    if (type === 'Unigram') return this.#unigram(model as JsonObject, reader, added);
    if (type === 'BPE')
      return reduceBpe(model as JsonObject, reader, this.#map, added, this.#fileName, this.#keepsOtherTokens);
    throw new VocabularyError(
      'UNSUPPORTED_TOKENIZER',
      `${this.#fileName}: a ${JSON.stringify(type)} tokenizer cannot be reduced; supported are WordPiece, WordLevel, Unigram and BPE`,
    );
  }

  #mappedVocab(reader: FieldReader, added: readonly AddedToken[]): Record<string, number> {
    const vocab = reader.get('vocab');
    if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) reader.fail('vocab', 'an object');
    const reduced: [string, number][] = [];
    for (const [piece, id] of Object.entries(vocab as JsonObject)) {
      const reducedId = this.#map.toReducedId(id as number);
      if (reducedId >= 0) reduced.push([piece, reducedId]);
    }
    // Tokens that were added beside the model get the ids after it; within it, they keep those of their rows.
    for (const { content, id } of added) if (!Object.hasOwn(vocab, content)) reduced.push([content, id]);
    let nextId = this.#map.reducedVocabSize;
    if (this.#keepsOtherTokens)
      for (const [piece, id] of Object.entries(vocab as Record<string, number>).sort(([, a], [, b]) => a - b))
        if (this.#map.toReducedId(id) < 0) reduced.push([piece, nextId++]);
    const unkToken = reader.text('unk_token');
    if (!reduced.some(([piece]) => piece === unkToken)) throw this.#notKept(unkToken, 'model.unk_token');
    return Object.fromEntries(reduced.sort(([, a], [, b]) => a - b));
  }

  #unigram(model: JsonObject, reader: FieldReader, added: readonly AddedToken[]): JsonObject {
    const pieces = scoredPieces(reader);
    const unkId = this.#keptId(reader.count('unk_id'), 'model.unk_id');
    const vocab = pieces
      .filter((_, id) => this.#map.toReducedId(id) >= 0)
      .map(([piece, score]) => [piece, score] as const);
    // A piece's id is its position; tokens that were added beside the model get the ids after it, in their order.
    added
      .filter(({ content }) => !vocab.some(([piece]) => piece === content))
      .forEach(({ content, id }, index) => {
        if (id !== vocab.length + index)
          throw new VocabularyError(
            'UNSUPPORTED_TOKENIZER',
            `${this.#fileName}: added token ${JSON.stringify(content)} would get id ${vocab.length + index}, its row is ${id}`,
          );
      });
    // The unknown token costs 10 less than the cheapest piece (tokenizers, unigram/model.rs): without that piece it would
    // cost less and win where it did not. Its own entry, which no text reaches, carries the lowest score on.
    const lowest = minimumScore(pieces);
    if (this.#keepsOtherTokens) {
      // A token that was added beside the model is not found in text that is its name, since it is taken out before; only
      // what normalization makes its name of would be. Its entry holds its row, which others come after.
      for (const { content, id } of added) if (id >= vocab.length) vocab.push([content, lowest]);
      // Rows that no token has: a noncharacter, which is in no text, holds them.
      while (vocab.length < this.#map.reducedVocabSize) vocab.push([`\u{10ffff}${vocab.length}`, lowest]);
      for (const [id, piece] of pieces.entries()) if (this.#map.toReducedId(id) < 0) vocab.push(piece);
    }
    if (minimumScore(vocab) > lowest) vocab[unkId] = [vocab[unkId]?.[0] ?? '', lowest];
    return { ...model, unk_id: unkId, vocab };
  }

  #namedToken(reader: FieldReader, field: string): [string, number] {
    const [name, id] = reader.list(field);
    if (typeof name !== 'string' || typeof id !== 'number') return reader.fail(field, 'a token and its id');
    return [name, this.#keptId(id, `post_processor.${field}`)];
  }

  #templateTokens(tokens: unknown): JsonObject {
    const reader = this.#reader(tokens, 'post_processor.special_tokens');
    return Object.fromEntries(
      Object.keys(tokens as JsonObject).map((name) => {
        const field = `post_processor.special_tokens[${JSON.stringify(name)}]`;
        const ids = this.#reader(reader.get(name), field).counts('ids');
        return [name, { ...(reader.get(name) as JsonObject), ids: ids.map((id) => this.#keptId(id, field)) }];
      }),
    );
  }

  #reader(json: unknown, field: string): FieldReader {
    return new FieldReader(json, `${this.#fileName}: ${field}`, 'INVALID_TOKENIZER');
  }

  #keptId(fullTokenId: number, field: string): number {
    const reducedId = this.#map.toReducedId(fullTokenId);
    if (reducedId < 0) throw this.#notKept(fullTokenId, field);
    return reducedId;
  }

  #notKept(token: string | number, field: string): VocabularyError {
    return new VocabularyError(
      'INVALID_TOKEN_IDS',
      `${this.#fileName}: ${field} needs token ${JSON.stringify(token)}, which is not among the ${this.#map.reducedVocabSize} kept token ids`,
    );
  }
}

function scoredPieces(reader: FieldReader): (readonly [piece: string, score: number])[] {
  return reader.list('vocab').map((entry) => {
    const [piece, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof piece === 'string' && typeof score === 'number') return [piece, score] as const;
    return reader.fail('vocab', 'a list of pieces with their scores');
  });
}

function minimumScore(pieces: readonly (readonly [string, number])[]): number {
  return pieces.reduce((lowest, [, score]) => Math.min(lowest, score), Infinity);
}
