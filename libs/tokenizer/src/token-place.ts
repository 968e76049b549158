import type { AlignedText } from './aligned-text.ts';
import type { PlacedToken } from './model/model.ts';
import { utf8Length } from './unicode/utf8.ts';

/** A token and the part of the original text that it is of. */
export interface TokenPlace {
  /** Full token id. */
  readonly id: number;
  /** Where the part begins and where it ends. */
  readonly start: number;
  readonly end: number;
  /** Of an added token: what stands for it in the text, with the white space that it takes. */
  readonly text?: string;
}

/** Tokens of a piece, in UTF-16 units of the original text. */
export function placesOf(piece: AlignedText, tokens: readonly PlacedToken[]): TokenPlace[] {
  const { text, starts, ends, origin } = piece;
  // By byte of the piece, the unit that its character begins with; the bytes of a character have one origin.
  const units = text.length === utf8Length(text) ? undefined : unitsByByte(text);
  const unitOf = (byte: number): number => (units === undefined ? byte : (units[byte] ?? text.length));
  return tokens.map(({ id, startByte, endByte }) => ({
    id,
    start: starts[unitOf(startByte)] ?? origin,
    end: ends[unitOf(endByte - 1)] ?? origin,
  }));
}

function unitsByByte(text: string): number[] {
  const units: number[] = [];
  for (let index = 0; index < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(index) ?? 0);
    for (let byte = utf8Length(character); byte > 0; byte--) units.push(index);
    index += character.length;
  }
  return units;
}
