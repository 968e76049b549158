import type { Component } from '../component.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';

/** Spaces become a visible mark that begins the word after it (SentencePiece). */
export class Metaspace implements PreTokenizer {
  readonly #mark: string;
  readonly #prepends: 'always' | 'first' | 'never';
  readonly #splits: boolean;

  constructor(component: Component) {
    this.#mark = component.text('replacement');
    if (this.#mark === '') component.fail('replacement', 'a character');
    // Older files say add_prefix_space in place of prepend_scheme.
    const scheme = component.get('prepend_scheme') ?? (component.flag('add_prefix_space', true) ? 'always' : 'never');
    if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
      component.fail('prepend_scheme', 'always, first or never');
    this.#prepends = scheme;
    this.#splits = component.flag('split', true);
  }

  split(text: string, isFirst: boolean): string[] {
    if (text === '') return [];
    let marked = text.replaceAll(' ', this.#mark);
    const isPrepending = this.#prepends === 'always' || (this.#prepends === 'first' && isFirst);
    if (isPrepending && !marked.startsWith(this.#mark)) marked = this.#mark + marked;
    if (!this.#splits) return [marked];
    const pieces: string[] = [];
    let start = 0;
    for (let next = marked.indexOf(this.#mark, 1); next >= 0; next = marked.indexOf(this.#mark, next + 1)) {
      pieces.push(marked.slice(start, next));
      start = next;
    }
    return [...pieces, marked.slice(start)];
  }
}
