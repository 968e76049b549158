import { codePointCounter } from './code-points.ts';
import { BYTE_CHARACTERS } from './unicode/byte-characters.ts';
import { whiteSpace } from './unicode/character-classes.ts';
import type { TokenPlace } from './token-place.ts';

/** Tokens of a text with their places: what windows over it are cut out of. */
export interface PlacedText {
  /** Full token ids, without special tokens around them. */
  readonly ids: Uint32Array;
  /** By token, where what it is of begins in the text, in code points, before any trimming. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** By token, the white space that its own characters begin and end with, which trimming takes off. */
  readonly leadingSpaces: Uint32Array;
  readonly trailingSpaces: Uint32Array;
}

const BYTE_LEVEL_SPACE = BYTE_CHARACTERS[0x20] ?? ' ';

/**
 * @param text what was tokenized
 * @param tokenOf what a token's characters are
 */
export function placedText(
  text: string,
  places: readonly TokenPlace[],
  tokenOf: (id: number) => string | undefined,
): PlacedText {
  const toCodePoints = codePointCounter(text);
  const spaces = places.map(({ id, text: added }) => surroundingSpaces(added ?? tokenOf(id) ?? ''));
  return {
    ids: Uint32Array.from(places, ({ id }) => id),
    starts: Uint32Array.from(places, ({ start }) => toCodePoints(start)),
    ends: Uint32Array.from(places, ({ end }) => toCodePoints(end)),
    leadingSpaces: Uint32Array.from(spaces, ({ leading }) => leading),
    trailingSpaces: Uint32Array.from(spaces, ({ trailing }) => trailing),
  };
}

function surroundingSpaces(token: string): { leading: number; trailing: number } {
  const isSpace = (index: number): boolean =>
    token.charAt(index) === BYTE_LEVEL_SPACE || whiteSpace.has(token.charCodeAt(index));
  let [leading, trailing] = [0, 0];
  while (leading < token.length && isSpace(leading)) leading++;
  while (trailing < token.length && isSpace(token.length - 1 - trailing)) trailing++;
  return { leading, trailing };
}
