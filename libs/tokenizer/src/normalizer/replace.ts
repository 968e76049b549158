import type { Component } from '../component.ts';
import type { Normalizer } from './normalizer.ts';

// Expressions that mean the same in the reference library's engine and here.
const KNOWN_EXPRESSIONS: Readonly<Record<string, RegExp>> = { ' {2,}': / {2,}/g, ' +': / +/g, '\\s+$': / +$/g };

/** Every occurrence of a string, or of one of the expressions that tokenizers use, replaced. */
export class Replace implements Normalizer {
  readonly #pattern: string | RegExp;
  readonly #content: string;

  constructor(component: Component) {
    const pattern = component.child('pattern');
    const expression = pattern.get('Regex');
    if (typeof expression === 'string') {
      const known = Object.hasOwn(KNOWN_EXPRESSIONS, expression) ? KNOWN_EXPRESSIONS[expression] : undefined;
      this.#pattern =
        known ?? component.unsupported(`the expression ${JSON.stringify(expression)}`, Object.keys(KNOWN_EXPRESSIONS));
    } else {
      this.#pattern = pattern.text('String');
    }
    this.#content = component.text('content');
  }

  normalize(text: string): string {
    // A function, since "$" means something in a replacement string.
    return text.replaceAll(this.#pattern, () => this.#content);
  }
}
