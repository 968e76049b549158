import type { Component } from '../component.ts';
import { Bpe } from './bpe.ts';
import type { Model } from './model.ts';
import { Unigram } from './unigram.ts';
import { WordLevel } from './word-level.ts';
import { WordPiece } from './word-piece.ts';

const SUPPORTED = ['BPE', 'Unigram', 'WordLevel', 'WordPiece'] as const;

/** The model that a component of tokenizer.json describes. */
export function createModel(component: Component): Model {
  switch (component.get('type')) {
    case 'BPE':
      return new Bpe(component);
    case 'WordLevel':
      return new WordLevel(component);
    case 'WordPiece':
      return new WordPiece(component);
    case 'Unigram':
      return new Unigram(component);
    default:
      return component.unsupported(`the model ${String(component.get('type'))}`, SUPPORTED);
  }
}
