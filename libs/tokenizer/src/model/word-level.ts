import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import type { Model, PlacedToken } from './model.ts';
import { readVocabulary } from './vocabulary.ts';
import { utf8Length } from '../unicode/utf8.ts';

/** A token for each piece. */
export class WordLevel implements Model {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unkTokenId: number | undefined;

  constructor(component: Component) {
    this.vocabulary = readVocabulary(component);
    this.unkTokenId = this.vocabulary.get(component.text('unk_token'));
  }

  get size(): number {
    return this.vocabulary.size;
  }

  tokenize(piece: string): number[] {
    const id = this.vocabulary.get(piece) ?? this.unkTokenId;
    if (id === undefined)
      throw new TokenizerError('INVALID_TOKENIZER', 'The WordLevel model meets an unknown word and has no unk_token');
    return [id];
  }

  tokenizeWithPlaces(piece: string): PlacedToken[] {
    return this.tokenize(piece).map((id) => ({ id, startByte: 0, endByte: utf8Length(piece) }));
  }
}
