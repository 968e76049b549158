import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { createExpression } from '../regex/create-expression.ts';
import type { Expression } from '../regex/expression.ts';
import type { Normalizer } from './normalizer.ts';

/** Every occurrence of a string or of a regular expression replaced. */
export class Replace implements Normalizer {
  // A string that is not empty needs no engine.
  readonly #pattern: string | Expression;
  readonly #content: string;

  constructor(component: Component) {
    const text = component.child('pattern').get('String');
    this.#pattern = typeof text === 'string' && text !== '' ? text : createExpression(component);
    this.#content = component.text('content');
  }

  normalize(text: string): string {
    // A function, since "$" means something in a replacement string.
    if (typeof this.#pattern === 'string') return text.replaceAll(this.#pattern, () => this.#content);
    if (text === '') return '';
    let result = '';
    let position = 0;
    const matches = this.#pattern.find(text);
    for (let index = 0; index < matches.length; index += 2) {
      result += text.slice(position, matches[index]) + this.#content;
      position = matches[index + 1] ?? position;
    }
    return result + text.slice(position);
  }

  align(text: AlignedText): AlignedText {
    return text.text === '' ? text : text.replace(this.#matchesOf(text.text), this.#content);
  }

  #matchesOf(text: string): readonly number[] {
    if (typeof this.#pattern !== 'string') return this.#pattern.find(text);
    const matches: number[] = [];
    const { length } = this.#pattern;
    for (let at = text.indexOf(this.#pattern); at >= 0; at = text.indexOf(this.#pattern, at + length))
      matches.push(at, at + length);
    return matches;
  }
}
