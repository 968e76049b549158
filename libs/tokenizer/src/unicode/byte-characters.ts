import type { AlignedText } from '../aligned-text.ts';

/**
 * The characters that stand for the 256 bytes in byte-level tokenizers (GPT-2's `bytes_to_unicode`): printable bytes of
 * Latin-1 for themselves, the others for U+0100 and up in order.
 */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

const VISIBLE_ASCII = /^[\x21-\x7e]*$/;
const encoder = new TextEncoder();

/** A text's bytes in UTF-8, each as its character. */
export function toByteCharacters(text: string): string {
  if (VISIBLE_ASCII.test(text)) return text;
  let result = '';
  for (const byte of encoder.encode(text)) result += BYTE_CHARACTERS[byte] ?? '';
  return result;
}

/** {@link toByteCharacters}, each character's bytes with where the character came from. */
export function alignBytes(text: AlignedText): AlignedText {
  return VISIBLE_ASCII.test(text.text) ? text : text.mapCharacters((character) => toByteCharacters(character));
}
