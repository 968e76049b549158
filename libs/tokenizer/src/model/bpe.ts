import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import type { MergeTable } from './merge-table.ts';
import { Merger } from './merger.ts';
import type { Model, PlacedToken } from './model.ts';
import { readMerges } from './read-merges.ts';
import { readVocabulary } from './vocabulary.ts';
import { utf8Length } from '../unicode/utf8.ts';

/** Byte pair encoding (arXiv 1508.07909; tokenizers' `bpe/model.rs`). */
export class Bpe implements Model {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unkTokenId: number | undefined;
  readonly #unkToken: string | undefined;
  readonly prefix: string;
  readonly suffix: string;
  readonly fusesUnknown: boolean;
  readonly ignoresMerges: boolean;
  // Ids of the 256 byte tokens, undefined where one is missing; undefined without byte_fallback.
  readonly byteIds: readonly (number | undefined)[] | undefined;
  readonly merges: MergeTable;
  readonly #merger: Merger;
  readonly #encoder = new TextEncoder();

  constructor(component: Component) {
    const dropout = component.get('dropout') ?? 0;
    if (dropout !== 0) component.unsupported(`dropout ${JSON.stringify(dropout)}`, ['null', '0']);
    this.vocabulary = readVocabulary(component);
    this.#unkToken = component.optionalText('unk_token');
    this.unkTokenId = this.#unkToken === undefined ? undefined : this.vocabulary.get(this.#unkToken);
    this.prefix = component.optionalText('continuing_subword_prefix') ?? '';
    this.suffix = component.optionalText('end_of_word_suffix') ?? '';
    this.fusesUnknown = component.flag('fuse_unk', false);
    this.ignoresMerges = component.flag('ignore_merges', false);
    this.byteIds = component.flag('byte_fallback', false) ? byteTokenIds(this.vocabulary) : undefined;
    this.merges = readMerges(component, this.vocabulary, this.prefix);
    this.#merger = new Merger(this.merges);
  }

  get size(): number {
    return this.vocabulary.size;
  }

  tokenize(piece: string): number[] {
    if (piece === '') return [];
    if (this.ignoresMerges) {
      const id = this.vocabulary.get(piece);
      if (id !== undefined) return [id];
    }
    return this.#merger.merge(this.#symbols(piece));
  }

  tokenizeWithPlaces(piece: string): PlacedToken[] {
    const whole = this.ignoresMerges ? this.vocabulary.get(piece) : undefined;
    if (whole !== undefined) return [{ id: whole, startByte: 0, endByte: utf8Length(piece) }];
    const lengths: number[] = [];
    const symbols = this.#symbols(piece, lengths);
    const firsts: number[] = [];
    let startByte = 0;
    return this.#merger.merge(symbols, firsts).map((id, index) => {
      // Where a token begins is what the tokens before it are long: characters that are lost have no length.
      const byteCount = lengths.slice(firsts[index], firsts[index + 1]).reduce((sum, length) => sum + length, 0);
      const token = { id, startByte, endByte: startByte + byteCount };
      startByte = token.endByte;
      return token;
    });
  }

  /**
   * Ids of the characters, from which merging starts.
   * @param lengths gets, by id, the bytes that it stands for
   */
  #symbols(piece: string, lengths?: number[]): number[] {
    const symbols: number[] = [];
    let unknownId: number | undefined;
    let unknownLength = 0;
    const flush = (): void => {
      if (unknownId !== undefined) {
        symbols.push(unknownId);
        lengths?.push(unknownLength);
      }
      unknownId = undefined;
      unknownLength = 0;
    };
    for (let index = 0; index < piece.length;) {
      const end = index + ((piece.codePointAt(index) ?? 0) > 0xffff ? 2 : 1);
      const character = piece.slice(index, end);
      const symbol = (index > 0 ? this.prefix : '') + character + (end === piece.length ? this.suffix : '');
      index = end;
      const id = this.vocabulary.get(symbol);
      if (id !== undefined) {
        flush();
        symbols.push(id);
        lengths?.push(utf8Length(character));
        continue;
      }
      const bytes = this.#bytesOf(symbol);
      if (bytes !== undefined) {
        // As in the reference library, an unknown token that is pending comes after the bytes.
        symbols.push(...bytes);
        lengths?.push(...bytes.map(() => 1));
        continue;
      }
      // Without an unknown token such a character is lost.
      if (this.#unkToken === undefined) continue;
      if (!this.fusesUnknown) flush();
      unknownId = this.unkTokenId ?? this.#failUnknown();
      if (lengths !== undefined) unknownLength += utf8Length(character);
    }
    flush();
    return symbols;
  }

  /** Byte tokens of a symbol, if all of them exist. */
  #bytesOf(symbol: string): number[] | undefined {
    if (this.byteIds === undefined) return undefined;
    const ids: number[] = [];
    for (const byte of this.#encoder.encode(symbol)) {
      const id = this.byteIds[byte];
      if (id === undefined) return undefined;
      ids.push(id);
    }
    return ids;
  }

  #failUnknown(): never {
    throw new TokenizerError(
      'INVALID_TOKENIZER',
      `The BPE model meets an unknown character and has no ${JSON.stringify(this.#unkToken)}, its unk_token`,
    );
  }
}

/** Ids of `<0x00>` to `<0xFF>`. */
export function byteTokenIds(vocabulary: ReadonlyMap<string, number>): readonly (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) =>
    vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
}
