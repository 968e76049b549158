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
    let [start, end] = [0, text.length];
    // White space has no characters outside of the basic plane.
    if (this.#left) while (start < end && whiteSpace.has(text.charCodeAt(start))) start++;
    if (this.#right) while (end > start && whiteSpace.has(text.charCodeAt(end - 1))) end--;
    return text.slice(start, end);
  }
}

/** Combining marks removed; characters that contain one keep it unless they were decomposed before. */
export class StripAccents implements Normalizer {
  normalize(text: string): string {
    let result = '';
    for (const character of text) if (!combiningMark.has(character.codePointAt(0) ?? 0)) result += character;
    return result;
  }
}
