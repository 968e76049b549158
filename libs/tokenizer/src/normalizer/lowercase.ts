import type { AlignedText } from '../aligned-text.ts';
import { lowercase } from '../unicode/character-classes.ts';
import { mapCharacters } from './bert-normalizer.ts';
import type { Normalizer } from './normalizer.ts';

/** Lower case, character by character. */
export class Lowercase implements Normalizer {
  normalize(text: string): string {
    return mapCharacters(text, lowercase);
  }

  align(text: AlignedText): AlignedText {
    return text.mapCharacters((character, codePoint) => lowercase.get(codePoint) ?? character);
  }
}
