import type { Component } from '../component.ts';
import { readVocabulary } from './vocabulary.ts';
import type { Model, PlacedToken } from './model.ts';
import { utf8Length } from '../unicode/utf8.ts';

/** Longest match first, from the left (arXiv 1609.08144; tokenizers' `wordpiece/mod.rs`). */
export class WordPiece implements Model {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unkTokenId: number;
  readonly prefix: string;
  readonly maxCharacters: number;
  // No substring longer than this is in the vocabulary: keeps a long word from costing its square.
  readonly #longestToken: number;

  constructor(component: Component) {
    this.vocabulary = readVocabulary(component);
    this.prefix =
      component.get('continuing_subword_prefix') === undefined ? '##' : component.text('continuing_subword_prefix');
    this.maxCharacters = component.count('max_input_chars_per_word', 100);
    const unk = this.vocabulary.get(component.text('unk_token'));
    this.unkTokenId = unk ?? component.fail('unk_token', 'a token of the vocabulary');
    this.#longestToken = Math.max(0, ...Array.from(this.vocabulary.keys(), (token) => token.length));
  }

  get size(): number {
    return this.vocabulary.size;
  }

  tokenize(piece: string): number[] {
    if (piece.length > this.maxCharacters && [...piece].length > this.maxCharacters) return [this.unkTokenId];
    const ids: number[] = [];
    for (let start = 0; start < piece.length;) {
      const match = this.#longestMatch(piece, start);
      // One part that is not known makes the whole word unknown.
      if (match === undefined) return [this.unkTokenId];
      ids.push(match.id);
      start = match.end;
    }
    return ids;
  }

  tokenizeWithPlaces(piece: string): PlacedToken[] {
    const tokens: PlacedToken[] = [];
    let byte = 0;
    const isTooLong = piece.length > this.maxCharacters && [...piece].length > this.maxCharacters;
    for (let start = 0; start < piece.length;) {
      const match = isTooLong ? undefined : this.#longestMatch(piece, start);
      if (match === undefined) return [{ id: this.unkTokenId, startByte: 0, endByte: utf8Length(piece) }];
      const endByte = byte + utf8Length(piece.slice(start, match.end));
      tokens.push({ id: match.id, startByte: byte, endByte });
      byte = endByte;
      start = match.end;
    }
    return tokens;
  }

  #longestMatch(piece: string, start: number): { id: number; end: number } | undefined {
    for (let end = Math.min(piece.length, start + this.#longestToken); end > start; end--) {
      // Never between the halves of a surrogate pair.
      if (isLowSurrogate(piece.charCodeAt(end))) continue;
      const part = piece.slice(start, end);
      const id = this.vocabulary.get(start === 0 ? part : this.prefix + part);
      if (id !== undefined) return { id, end };
    }
    return undefined;
  }
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
