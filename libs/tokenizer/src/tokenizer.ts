import {
  AddedTokenFinder,
  assignAddedTokenIds,
  normalizeAddedTokens,
  readAddedToken,
  type AddedToken,
} from './added-tokens.ts';
import { Component } from './component.ts';
import { cleanUpSpaces } from './decoder/clean-up.ts';
import { createDecoder } from './decoder/create-decoder.ts';
import type { Decoder } from './decoder/decoder.ts';
import { TokenizerError } from './error.ts';
import { MAX_VOCAB_SIZE } from './limits.ts';
import { createModel } from './model/create-model.ts';
import type { Model } from './model/model.ts';
import { createNormalizer } from './normalizer/create-normalizer.ts';
import type { Normalizer } from './normalizer/normalizer.ts';
import { Pipeline } from './pipeline.ts';
import { placedText, type PlacedText } from './placed-text.ts';
import { createPostProcessor } from './post-processor/create-post-processor.ts';
import { readOffsetTrims, type OffsetTrim } from './post-processor/offset-trims.ts';
import {
  addedTokenCount,
  PLAIN_SEQUENCES,
  withoutSpecialTokens,
  type PostProcessor,
} from './post-processor/post-processor.ts';
import { createPreTokenizer } from './pre-tokenizer/create-pre-tokenizer.ts';
import { truncatedLengths, type TruncationStrategy } from './truncation.ts';
import { wordPieceFromVocabTxt } from './vocab-txt.ts';
import { pairWindows, type TextWindow, type WindowOptions } from './windows.ts';

export interface EncodeOptions {
  readonly textPair?: string | Uint8Array;
  /** Put special tokens around the text; true where not given. */
  readonly addSpecialTokens?: boolean;
  /** Longest result in tokens, special ones included; no limit where not given. What the file itself says is ignored. */
  readonly maxLength?: number;
  readonly truncationSide?: 'right' | 'left';
  readonly truncationStrategy?: TruncationStrategy;
}

/** A text as a model sees it. */
export interface Encoding {
  /** Full token ids. */
  readonly ids: Uint32Array;
  readonly typeIds: Uint8Array;
  /** Whether tokens were cut off. */
  readonly isTruncated: boolean;
  /** Tokens, special ones included, had nothing been cut off. */
  readonly untruncatedLength: number;
}

export interface TokenizerFileOptions {
  /** What error messages call the file. */
  readonly fileName: string;
  /** Parsed tokenizer_config.json. */
  readonly config?: unknown;
  /**
   * Texts are words of split texts: byte-level BPE puts a space before each, as transformers' `add_prefix_space` does, which
   * it demands for them.
   */
  readonly areTextsWords?: boolean;
}

const NAMED_TOKENS = [
  'pad_token',
  'unk_token',
  'cls_token',
  'sep_token',
  'mask_token',
  'bos_token',
  'eos_token',
] as const;
// Where tokenizer_config.json is missing: the names that BERT and XLM-R use.
const USUAL_NAMES = {
  pad_token: ['[PAD]', '<pad>'],
  unk_token: ['[UNK]', '<unk>'],
  cls_token: ['[CLS]', '<s>'],
  sep_token: ['[SEP]', '</s>'],
  mask_token: ['[MASK]', '<mask>'],
} as const;

/** What the byte path in `fast/` is made of. */
export interface TokenizerParts {
  readonly pipeline: Pipeline;
  readonly model: Model;
  readonly normalizer: Normalizer | undefined;
  readonly postProcessor: PostProcessor;
  /** As the file describes them; null where there is none. */
  readonly normalizerJson: unknown;
  readonly preTokenizerJson: unknown;
}

/** A tokenizer out of tokenizer.json (the format of Hugging Face's `tokenizers`), giving exactly its ids. */
export class Tokenizer {
  readonly addedTokens: readonly AddedToken[];
  /** Highest id + 1, of the post-processor's ids too. */
  readonly vocabSize: number;
  /** Ascending ids of added tokens that are special, and of those that tokenizer_config.json names. */
  readonly specialTokenIds: Uint32Array;
  /** Ascending. */
  readonly addedTokenIds: Uint32Array;
  /** For the byte path; not for use from outside of this package. */
  readonly parts: TokenizerParts;
  /** Where tokenizer_config.json has batches filled up, which says which text of a pair question answering puts first. */
  readonly paddingSide: 'left' | 'right';
  readonly #pipeline: Pipeline;
  readonly #postProcessor: PostProcessor;
  readonly #offsetTrims: readonly OffsetTrim[];
  readonly #ids: Map<string, number>;
  readonly #tokens = new Map<number, string>();
  readonly #named: Readonly<Record<string, number | undefined>>;
  /** Undefined where the file has none. */
  readonly #decoderComponent: Component | undefined;
  readonly #cleansUpSpaces: boolean;
  #decoder: Decoder | undefined;

  private constructor(root: Component, config: unknown) {
    const model: Model = createModel(root.child('model'));
    const part = <Value>(field: string, create: (component: Component) => Value): Value | undefined =>
      root.get(field) === null || root.get(field) === undefined ? undefined : create(root.child(field));
    const added = root.get('added_tokens') === undefined ? [] : root.children('added_tokens').map(readAddedToken);
    this.addedTokens = assignAddedTokenIds(added, model.vocabulary, model.size);
    this.#postProcessor = part('post_processor', createPostProcessor) ?? PLAIN_SEQUENCES;
    this.#offsetTrims = part('post_processor', readOffsetTrims) ?? [];
    const normalizer = part('normalizer', createNormalizer);
    this.#pipeline = new Pipeline({
      rawTokens: new AddedTokenFinder(this.addedTokens.filter((token) => !token.normalized)),
      normalizedTokens: new AddedTokenFinder(
        normalizeAddedTokens(
          this.addedTokens.filter((token) => token.normalized),
          (text) => normalizer?.normalize(text) ?? text,
        ),
      ),
      normalizer,
      preTokenizer: part('pre_tokenizer', createPreTokenizer),
      model,
    });
    this.parts = {
      pipeline: this.#pipeline,
      model,
      normalizer,
      postProcessor: this.#postProcessor,
      normalizerJson: root.get('normalizer') ?? null,
      preTokenizerJson: root.get('pre_tokenizer') ?? null,
    };
    this.#decoderComponent = part('decoder', (component) => component);
    // As transformers does, to which BPE's spaces before punctuation are the text's own.
    const isBpe = root.child('model').get('type') === 'BPE';
    this.#cleansUpSpaces = isFields(config) && config['clean_up_tokenization_spaces'] === true && !isBpe;
    this.paddingSide = isFields(config) && config['padding_side'] === 'left' ? 'left' : 'right';
    this.#ids = new Map(model.vocabulary);
    for (const { content, id } of this.addedTokens) this.#ids.set(content, id);
    for (const [token, id] of this.#ids) this.#tokens.set(id, token);
    // A template may name ids that no token has.
    const templateIds = [...this.#postProcessor.single, ...this.#postProcessor.pair].flatMap((each) =>
      each.kind === 'special' ? each.ids : [],
    );
    this.vocabSize =
      1 + this.#ids.values().reduce((highest, id) => Math.max(highest, id), Math.max(-1, ...templateIds));
    if (this.vocabSize > MAX_VOCAB_SIZE)
      throw new TokenizerError(
        'TOO_LARGE',
        `${root.where}: ids up to ${this.vocabSize - 1} are over the limit of ${MAX_VOCAB_SIZE}`,
      );
    this.#named = this.#namedTokens(config);
    const special = [
      ...this.addedTokens.filter((token) => token.special).map((token) => token.id),
      ...Object.values(this.#named).filter((id) => id !== undefined),
    ];
    this.specialTokenIds = Uint32Array.from(new Set(special)).sort();
    this.addedTokenIds = Uint32Array.from(new Set(this.addedTokens.map((token) => token.id))).sort();
  }

  /**
   * Reads tokenizer.json. Its own padding and truncation are ignored: some files carry "pad to 128".
   * @throws TokenizerError
   */
  static fromJson(tokenizerJson: string | Uint8Array, options: TokenizerFileOptions): Tokenizer {
    let json: unknown;
    try {
      json = JSON.parse(
        typeof tokenizerJson === 'string'
          ? tokenizerJson
          : new TextDecoder('utf-8', { fatal: true }).decode(tokenizerJson),
      );
    } catch (cause) {
      throw new TokenizerError(
        'INVALID_JSON',
        `${options.fileName}: is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
    const read = options.areTextsWords === true ? withPrefixSpace(json) : json;
    return new Tokenizer(new Component(read, options.fileName), options.config);
  }

  /**
   * Reads a BERT vocabulary, one token a line.
   * @throws TokenizerError
   */
  static fromVocabTxt(vocabTxt: string | Uint8Array, options: TokenizerFileOptions): Tokenizer {
    return new Tokenizer(new Component(wordPieceFromVocabTxt(vocabTxt, options), options.fileName), options.config);
  }

  /** @throws TokenizerError INVALID_UTF8, INVALID_OPTION */
  encode(text: string | Uint8Array, options: EncodeOptions = {}): Encoding {
    const first = this.#pipeline.tokenize(toText(text));
    const second = options.textPair === undefined ? undefined : this.#pipeline.tokenize(toText(options.textPair));
    const processor =
      options.addSpecialTokens === false ? withoutSpecialTokens(this.#postProcessor) : this.#postProcessor;
    const template = second === undefined ? processor.single : processor.pair;
    const specialCount = addedTokenCount(template);
    const untruncatedLength = first.length + (second?.length ?? 0) + specialCount;
    const [firstLength, secondLength] = this.#lengths(first.length, second?.length, specialCount, options);
    const cut = (ids: number[], length: number): number[] =>
      options.truncationSide === 'left' ? ids.slice(ids.length - length) : ids.slice(0, length);
    const [a, b] = [cut(first, firstLength), second === undefined ? [] : cut(second, secondLength)];
    const length = firstLength + secondLength + specialCount;
    const ids = new Uint32Array(length);
    const typeIds = new Uint8Array(length);
    let position = 0;
    for (const part of template) {
      const partIds = part.kind === 'special' ? part.ids : part.sequence === 'A' ? a : b;
      ids.set(partIds, position);
      typeIds.fill(part.typeId, position, position + partIds.length);
      position += partIds.length;
    }
    return { ids, typeIds, isTruncated: length < untruncatedLength, untruncatedLength };
  }

  /**
   * Tokens of a text without special tokens, with the part of the text that each is of: what {@link Tokenizer.windows} takes.
   * Lone surrogates are read as U+FFFD.
   */
  place(text: string): PlacedText {
    const wellFormed = text.toWellFormed();
    return placedText(wellFormed, this.#pipeline.tokenizeWithPlaces(wellFormed), (id) => this.idToToken(id));
  }

  /**
   * Windows over a pair of texts, with special tokens, and the place of each token in Unicode code points: ids, places and
   * cuts are those of Hugging Face's `tokenizers` with `truncation`, `stride` and `return_overflowing_tokens`.
   * @throws TokenizerError INVALID_OPTION where the text that stays whole leaves too little room
   */
  windows(first: PlacedText, second: PlacedText, options: WindowOptions): TextWindow[] {
    return pairWindows([first, second], this.#postProcessor.pair, this.#offsetTrims, options);
  }

  /**
   * The text of tokens, as Hugging Face's `tokenizers` decodes them; spaces before English punctuation go where
   * tokenizer_config.json has `clean_up_tokenization_spaces`, as in transformers. Ids that no token has are left out.
   * @param options `skipSpecialTokens` leaves out {@link Tokenizer.specialTokenIds}; false where not given
   * @throws TokenizerError UNSUPPORTED_COMPONENT, INVALID_TOKENIZER for a decoder that cannot be followed
   */
  decode(ids: Iterable<number>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    const skipped = options.skipSpecialTokens === true ? new Set(this.specialTokenIds) : undefined;
    const tokens = Array.from(ids).flatMap((id) => (skipped?.has(id) === true ? [] : (this.#tokens.get(id) ?? [])));
    const text = this.#toText(tokens);
    return this.#cleansUpSpaces ? cleanUpSpaces(text) : text;
  }

  #toText(tokens: readonly string[]): string {
    if (this.#decoderComponent === undefined) return tokens.join(' ');
    // Made when it is needed: whoever only encodes may have any decoder.
    this.#decoder ??= createDecoder(this.#decoderComponent);
    return this.#decoder(tokens).join('');
  }

  tokenToId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  /** The special tokens around a pair of texts, full token ids. */
  get pairSpecialTokenIds(): readonly number[] {
    return this.#postProcessor.pair.flatMap((part) => (part.kind === 'special' ? part.ids : []));
  }

  get padTokenId(): number | undefined {
    return this.#named['pad_token'];
  }
  get unkTokenId(): number | undefined {
    return this.#named['unk_token'];
  }
  get clsTokenId(): number | undefined {
    return this.#named['cls_token'];
  }
  get sepTokenId(): number | undefined {
    return this.#named['sep_token'];
  }
  get maskTokenId(): number | undefined {
    return this.#named['mask_token'];
  }
  get eosTokenId(): number | undefined {
    return this.#named['eos_token'];
  }

  #lengths(first: number, second: number | undefined, specialCount: number, options: EncodeOptions): [number, number] {
    if (options.maxLength === undefined) return [first, second ?? 0];
    const room = options.maxLength - specialCount;
    if (!(room >= 0))
      throw new TokenizerError(
        'INVALID_OPTION',
        `maxLength ${options.maxLength} has no room for ${specialCount} special tokens`,
      );
    return truncatedLengths(first, second, room, options.truncationStrategy ?? 'longest_first');
  }

  #namedTokens(config: unknown): Record<string, number | undefined> {
    const fields = typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : {};
    return Object.fromEntries(
      NAMED_TOKENS.map((name) => {
        const value = fields[name];
        const content =
          typeof value === 'string'
            ? value
            : typeof value === 'object' && value !== null && 'content' in value
              ? value.content
              : undefined;
        if (typeof content === 'string') return [name, this.#ids.get(content)];
        const usual: readonly string[] = Object.hasOwn(USUAL_NAMES, name)
          ? USUAL_NAMES[name as keyof typeof USUAL_NAMES]
          : [];
        return [name, usual.map((token) => this.#ids.get(token)).find((id) => id !== undefined)];
      }),
    );
  }
}

/** A part of a sequence of pre-tokenizers stays as it is, as in transformers. */
function withPrefixSpace(json: unknown): unknown {
  if (!isFields(json) || !isFields(json['pre_tokenizer']) || json['pre_tokenizer']['type'] !== 'ByteLevel') return json;
  return { ...json, pre_tokenizer: { ...json['pre_tokenizer'], add_prefix_space: true } };
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function toText(text: string | Uint8Array): string {
  if (typeof text === 'string') return text;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  } catch (cause) {
    throw new TokenizerError('INVALID_UTF8', `A text of ${text.length} bytes is not valid UTF-8`, { cause });
  }
}
