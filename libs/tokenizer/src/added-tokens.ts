import type { Component } from './component.ts';
import { TokenizerError } from './error.ts';
import { whiteSpace } from './unicode/character-classes.ts';

/** A token that is found in the text before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Only where no word character is next to it. */
  readonly singleWord: boolean;
  /** Takes the white space before it. */
  readonly lstrip: boolean;
  /** Takes the white space after it. */
  readonly rstrip: boolean;
  /** Looked for in normalized text, not in the raw one. */
  readonly normalized: boolean;
}

/**
 * Added tokens with the ids that the reference library gives them: one that the model knows has the model's id, another one
 * the next free id, whatever the file says. (They are the same in files that the library wrote.)
 * @param tokens as the file has them
 * @param modelSize tokens of the model
 */
export function assignAddedTokenIds(
  tokens: readonly AddedToken[],
  vocabulary: ReadonlyMap<string, number>,
  modelSize: number,
): AddedToken[] {
  const assigned = new Map<string, AddedToken>();
  let next = modelSize;
  for (const token of tokens) {
    if (token.content === '' || assigned.has(token.content)) continue;
    const id = vocabulary.get(token.content) ?? next;
    // Ids of the model can be above its size where there are holes among them.
    next = Math.max(next, id + 1);
    assigned.set(token.content, { ...token, id });
  }
  return [...assigned.values()];
}

/**
 * What is looked for in normalized text: the tokens' own contents after the normalizer, as in the reference library.
 * @param normalize what the tokenizer does to text
 * @throws TokenizerError UNSUPPORTED_COMPONENT
 */
export function normalizeAddedTokens(
  tokens: readonly AddedToken[],
  normalize: (text: string) => string,
): readonly AddedToken[] {
  const normalized = tokens.map((token) => ({ ...token, content: normalize(token.content) }));
  const lost = normalized.findIndex(({ content }) => content === '');
  if (lost >= 0)
    throw new TokenizerError(
      'UNSUPPORTED_COMPONENT',
      `The added token ${JSON.stringify(tokens[lost]?.content)} of normalized text, which is nothing when normalized, is not supported`,
    );
  return normalized;
}

export function readAddedToken(component: Component): AddedToken {
  const special = component.flag('special', false);
  return {
    id: component.count('id'),
    content: component.text('content'),
    special,
    singleWord: component.flag('single_word', false),
    lstrip: component.flag('lstrip', false),
    rstrip: component.flag('rstrip', false),
    normalized: component.flag('normalized', !special),
  };
}

/** A stretch of text, or an added token that was found in it, with its place in UTF-16 units. */
export type Segment = { readonly start: number; readonly end: number } & (
  { readonly text: string } | { readonly id: number }
);

const WORD_CHARACTER = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]/u;

/** Finds added tokens, leftmost first and of those the longest (tokenizers' `added_vocabulary.rs`). */
export class AddedTokenFinder {
  readonly #byContent: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | undefined;

  constructor(tokens: readonly AddedToken[]) {
    // Where two are the same, special ones come before others.
    const last = [...tokens.filter((token) => token.special), ...tokens.filter((token) => !token.special)].reverse();
    this.#byContent = new Map(last.map((token) => [token.content, token]));
    // Alternatives are tried in order, so the longest comes first.
    const contents = [...this.#byContent.keys()]
      .sort((a, b) => b.length - a.length)
      .map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
    this.#pattern = contents.length === 0 ? undefined : new RegExp(contents.join('|'), 'gu');
  }

  split(text: string): Segment[] {
    if (this.#pattern === undefined) return text === '' ? [] : [{ text, start: 0, end: text.length }];
    const segments: Segment[] = [];
    let position = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#byContent.get(match[0]);
      if (token === undefined) continue;
      let [start, end] = [match.index, match.index + match[0].length];
      if (
        token.singleWord &&
        (isWordCharacter(lastCharacter(text, start)) || isWordCharacter(text.slice(end, end + 2)))
      )
        continue;
      if (token.lstrip) while (start > position && whiteSpace.has(text.charCodeAt(start - 1))) start--;
      if (token.rstrip) while (end < text.length && whiteSpace.has(text.charCodeAt(end))) end++;
      if (position < start) segments.push({ text: text.slice(position, start), start: position, end: start });
      segments.push({ id: token.id, start, end });
      position = end;
    }
    if (position < text.length) segments.push({ text: text.slice(position), start: position, end: text.length });
    return segments;
  }
}

function lastCharacter(text: string, end: number): string {
  return [...text.slice(Math.max(0, end - 2), end)].at(-1) ?? '';
}

function isWordCharacter(text: string): boolean {
  const [first] = text;
  return first !== undefined && WORD_CHARACTER.test(first);
}
