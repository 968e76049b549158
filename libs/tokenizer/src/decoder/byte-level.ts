import { BYTE_CHARACTERS } from '../unicode/byte-characters.ts';

const BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** Characters that stand for bytes become the text of these; a token with another character stays as it is. */
export function decodeByteLevel(tokens: readonly string[]): string[] {
  const encoder = new TextEncoder();
  const bytes = tokens.flatMap((token) => {
    const ofToken = Array.from(token, (character) => BYTES.get(character));
    return ofToken.every((byte) => byte !== undefined) ? ofToken : [...encoder.encode(token)];
  });
  return [new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))];
}
