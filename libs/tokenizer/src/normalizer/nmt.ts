import type { AlignedText } from '../aligned-text.ts';
import type { Normalizer } from './normalizer.ts';

// tokenizers' `normalizers/unicode.rs`, do_nmt.
const REMOVED = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/g;
const SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;

/** Controls removed, other white space made spaces, as for SentencePiece's translation models. */
export class Nmt implements Normalizer {
  normalize(text: string): string {
    return text.replace(REMOVED, '').replace(SPACES, ' ');
  }

  align(text: AlignedText): AlignedText {
    return text.mapCharacters((character) => this.normalize(character));
  }
}
