import type { Component } from '../component.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';

/** Pieces of a number of characters each. */
export class FixedLength implements PreTokenizer {
  readonly #length: number;

  constructor(component: Component) {
    this.#length = component.count('length', 5);
    if (this.#length === 0) component.fail('length', 'an integer of at least 1');
  }

  split(text: string): string[] {
    const characters = [...text];
    const pieces: string[] = [];
    for (let start = 0; start < characters.length; start += this.#length)
      pieces.push(characters.slice(start, start + this.#length).join(''));
    return pieces;
  }
}
