import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { createExpression } from '../regex/create-expression.ts';
import type { Expression } from '../regex/expression.ts';
import { slices, type PreTokenizer } from './pre-tokenizer.ts';
import { rangesAt, readBehavior, type SplitBehavior } from './split-behavior.ts';

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
    return slices(text, this.#rangesOf(text));
  }

  splitAligned(text: AlignedText): AlignedText[] {
    return slices(text, this.#rangesOf(text.text));
  }

  #rangesOf(text: string): number[] {
    return rangesAt(text, this.#expression.find(text), this.#behavior, this.#isInverted);
  }
}
