import type { Component } from '../component.ts';
import { numeric, punctuation, whiteSpace, wordCharacter } from '../unicode/character-classes.ts';
import { cutting, type PreTokenizer } from './pre-tokenizer.ts';
import { findCharacters, rangesAt, readBehavior } from './split-behavior.ts';

/** Splits at characters of a class. */
export function createCharacterSplit(component: Component): PreTokenizer {
  switch (component.type) {
    case 'WhitespaceSplit':
      return cutting((text) => rangesAt(text, findCharacters(text, isWhiteSpace), 'Removed'));
    case 'Punctuation': {
      const behavior = readBehavior(component, 'Isolated');
      return cutting((text) => rangesAt(text, findCharacters(text, isPunctuation), behavior));
    }
    case 'Digits': {
      const behavior = component.flag('individual_digits') ? 'Isolated' : 'Contiguous';
      return cutting((text) => rangesAt(text, findCharacters(text, isNumeric), behavior));
    }
    case 'CharDelimiterSplit': {
      const delimiter = component.character('delimiter');
      return cutting((text) => {
        const matches = findCharacters(text, (each) => each === delimiter);
        return rangesAt(text, matches, 'Removed');
      });
    }
    case 'Whitespace':
      return cutting(wordRanges);
    default:
      return component.fail('type', 'a split at characters');
  }
}

const isWhiteSpace = (codePoint: number): boolean => whiteSpace.has(codePoint);
const isPunctuation = (codePoint: number): boolean => punctuation.has(codePoint);
const isNumeric = (codePoint: number): boolean => numeric.has(codePoint);

/** Runs of word characters, and runs of what is neither word nor white space: `\w+|[^\w\s]+` of Rust's regex crate. */
function wordRanges(text: string): number[] {
  const kindOf = (codePoint: number): number => (wordCharacter.has(codePoint) ? 1 : whiteSpace.has(codePoint) ? 0 : 2);
  const ranges: number[] = [];
  let start = 0;
  let kind = 0;
  for (let index = 0; index <= text.length;) {
    const codePoint = text.codePointAt(index) ?? -1;
    const next = codePoint < 0 ? 0 : kindOf(codePoint);
    if (next !== kind) {
      if (kind !== 0) ranges.push(start, index);
      start = index;
      kind = next;
    }
    index += codePoint > 0xffff ? 2 : 1;
  }
  return ranges;
}
