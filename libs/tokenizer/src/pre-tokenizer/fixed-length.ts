import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { slices, type PreTokenizer } from './pre-tokenizer.ts';

/** Pieces of a number of characters each. */
export class FixedLength implements PreTokenizer {
  readonly #length: number;

  constructor(component: Component) {
    this.#length = component.count('length', 5);
    if (this.#length === 0) component.fail('length', 'an integer of at least 1');
  }

  split(text: string): string[] {
    return slices(text, this.#rangesOf(text));
  }

  splitAligned(text: AlignedText): AlignedText[] {
    return slices(text, this.#rangesOf(text.text));
  }

  #rangesOf(text: string): number[] {
    const characters = [...text];
    const ranges: number[] = [];
    for (let first = 0, start = 0; first < characters.length; first += this.#length) {
      const end = start + characters.slice(first, first + this.#length).join('').length;
      ranges.push(start, end);
      start = end;
    }
    return ranges;
  }
}
