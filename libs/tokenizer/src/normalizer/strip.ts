import { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { combiningMark, whiteSpace } from '../unicode/character-classes.ts';
import type { Normalizer } from './normalizer.ts';

/** White space at the ends removed. */
export class Strip implements Normalizer {
  readonly #left: boolean;
  readonly #right: boolean;

  constructor(component: Component) {
    this.#left = component.flag('strip_left');
    this.#right = component.flag('strip_right');
  }

  normalize(text: string): string {
    return text.slice(...this.#kept(text));
  }

  align(text: AlignedText): AlignedText {
    const [start, end] = this.#kept(text.text);
    const { starts, ends, origin } = text;
    // Not a slice of it, which would have another origin.
    return new AlignedText(text.text.slice(start, end), starts.subarray(start, end), ends.subarray(start, end), origin);
  }

  #kept(text: string): [start: number, end: number] {
    let [start, end] = [0, text.length];
    // White space has no characters outside of the basic plane.
    if (this.#left) while (start < end && whiteSpace.has(text.charCodeAt(start))) start++;
    if (this.#right) while (end > start && whiteSpace.has(text.charCodeAt(end - 1))) end--;
    return [start, end];
  }
}

/** Combining marks removed; characters that contain one keep it unless they were decomposed before. */
export class StripAccents implements Normalizer {
  normalize(text: string): string {
    let result = '';
    for (const character of text) if (!combiningMark.has(character.codePointAt(0) ?? 0)) result += character;
    return result;
  }

  align(text: AlignedText): AlignedText {
    return text.mapCharacters((character, codePoint) => (combiningMark.has(codePoint) ? '' : character));
  }
}
