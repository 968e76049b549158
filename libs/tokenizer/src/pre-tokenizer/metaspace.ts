import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { slices, type PreTokenizer } from './pre-tokenizer.ts';

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
    if (this.#isPrepending(marked, isFirst)) marked = this.#mark + marked;
    return slices(marked, this.#rangesOf(marked));
  }

  splitAligned(text: AlignedText, isFirst: boolean): AlignedText[] {
    if (text.text === '') return [];
    let marked = text.mapCharacters((character) => (character === ' ' ? this.#mark : character));
    if (this.#isPrepending(marked.text, isFirst)) marked = marked.prepend(this.#mark);
    return slices(marked, this.#rangesOf(marked.text));
  }

  #isPrepending(marked: string, isFirst: boolean): boolean {
    const prepends = this.#prepends === 'always' || (this.#prepends === 'first' && isFirst);
    return prepends && !marked.startsWith(this.#mark);
  }

  #rangesOf(marked: string): number[] {
    if (!this.#splits) return [0, marked.length];
    const ranges: number[] = [];
    let start = 0;
    for (let next = marked.indexOf(this.#mark, 1); next >= 0; next = marked.indexOf(this.#mark, next + 1)) {
      ranges.push(start, next);
      start = next;
    }
    ranges.push(start, marked.length);
    return ranges;
  }
}
