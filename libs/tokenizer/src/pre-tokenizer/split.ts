import type { Component } from '../component.ts';
import { createExpression } from '../regex/create-expression.ts';
import type { Expression } from '../regex/expression.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';
import { readBehavior, splitAt, type SplitBehavior } from './split-behavior.ts';

/** Splits at what a string or a regular expression matches. */
export class Split implements PreTokenizer {
  readonly #expression: Expression;
  readonly #behavior: SplitBehavior;
  readonly #isInverted: boolean;

  constructor(component: Component) {
    this.#expression = createExpression(component);
    this.#behavior = readBehavior(component);
    this.#isInverted = component.flag('invert');
  }

  split(text: string): string[] {
    return splitAt(text, this.#expression.find(text), this.#behavior, this.#isInverted);
  }
}
