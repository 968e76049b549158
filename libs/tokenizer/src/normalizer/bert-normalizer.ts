import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { bertChinese, bertRemoved, lowercase, nonspacingMark, whiteSpace } from '../unicode/character-classes.ts';
import { alignForm, decompose } from '../unicode/normalization.ts';
import type { Normalizer } from './normalizer.ts';

// Printable ASCII and spaces: nothing to clean, separate or decompose.
const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/** BertNormalizer: cleaning, spaces around Chinese characters, accents, lower case, in this order. */
export class BertNormalizer implements Normalizer {
  readonly #cleansText: boolean;
  readonly #separatesChinese: boolean;
  readonly #stripsAccents: boolean;
  readonly #lowercases: boolean;

  constructor(component: Component) {
    this.#cleansText = component.flag('clean_text', true);
    this.#separatesChinese = component.flag('handle_chinese_chars', true);
    this.#lowercases = component.flag('lowercase', true);
    // As in the original BERT, accents go with the case where nothing is said.
    this.#stripsAccents = component.flag('strip_accents', this.#lowercases);
  }

  normalize(text: string): string {
    if (PLAIN_ASCII.test(text)) return this.#lowercases ? text.toLowerCase() : text;
    let result = text;
    if (this.#cleansText || this.#separatesChinese) result = this.#clean(result);
    if (this.#stripsAccents) result = stripAccents(result);
    return this.#lowercases ? mapCharacters(result, lowercase) : result;
  }

  align(text: AlignedText): AlignedText {
    if (PLAIN_ASCII.test(text.text)) return this.#lowercases ? text.withText(text.text.toLowerCase()) : text;
    let result = text.mapCharacters((...each) => this.#cleaned(...each));
    if (this.#stripsAccents)
      result = alignForm(result, 'NFD').mapCharacters((character, codePoint) =>
        nonspacingMark.has(codePoint) ? '' : character,
      );
    return this.#lowercases
      ? result.mapCharacters((character, codePoint) => lowercase.get(codePoint) ?? character)
      : result;
  }

  #clean(text: string): string {
    let result = '';
    for (const character of text) result += this.#cleaned(character, character.codePointAt(0) ?? 0);
    return result;
  }

  #cleaned(character: string, codePoint: number): string {
    if (this.#cleansText && bertRemoved.has(codePoint)) return '';
    if (this.#cleansText && whiteSpace.has(codePoint)) return ' ';
    return this.#separatesChinese && bertChinese.has(codePoint) ? ` ${character} ` : character;
  }
}

/** Each character replaced by what a table says. */
export function mapCharacters(text: string, table: ReadonlyMap<number, string>): string {
  let result = '';
  for (const character of text) result += table.get(character.codePointAt(0) ?? 0) ?? character;
  return result;
}

/** Canonical decomposition, then without nonspacing marks. */
function stripAccents(text: string): string {
  let result = '';
  for (const codePoint of decompose(text, false))
    if (!nonspacingMark.has(codePoint)) result += String.fromCodePoint(codePoint);
  return result;
}
