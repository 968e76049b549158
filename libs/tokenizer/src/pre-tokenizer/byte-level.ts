import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { Expression } from '../regex/expression.ts';
import { alignBytes, toByteCharacters } from '../unicode/byte-characters.ts';
import { slices, type PreTokenizer } from './pre-tokenizer.ts';
import { rangesAt, splitAt } from './split-behavior.ts';

// GPT-2's (https://github.com/openai/gpt-2, encoder.py), as the reference library has it built in.
const GPT2_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
let gpt2Expression: Expression | undefined;

/** Writes each byte of UTF-8 as a visible character; splits words before that, unless another part has done it. */
export class ByteLevel implements PreTokenizer {
  readonly #addsPrefixSpace: boolean;
  readonly #expression: Expression | undefined;

  constructor(component: Component) {
    this.#addsPrefixSpace = component.flag('add_prefix_space');
    if (component.flag('use_regex', true)) this.#expression = gpt2Expression ??= new Expression(GPT2_PATTERN);
  }

  split(text: string): string[] {
    if (text === '') return [];
    const prefixed = this.#addsPrefixSpace && !text.startsWith(' ') ? ` ${text}` : text;
    if (this.#expression === undefined) return [toByteCharacters(prefixed)];
    return splitAt(prefixed, this.#expression.find(prefixed), 'Isolated').map(toByteCharacters);
  }

  splitAligned(text: AlignedText): AlignedText[] {
    if (text.text === '') return [];
    const prefixed = this.#addsPrefixSpace && !text.text.startsWith(' ') ? text.prepend(' ') : text;
    if (this.#expression === undefined) return [alignBytes(prefixed)];
    const ranges = rangesAt(prefixed.text, this.#expression.find(prefixed.text), 'Isolated');
    return slices(prefixed, ranges).map(alignBytes);
  }
}
