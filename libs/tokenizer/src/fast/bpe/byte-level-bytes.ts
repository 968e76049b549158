import { BYTE_CHARACTERS } from '../../unicode/byte-characters.ts';

const BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** Bytes of a token of a byte-level vocabulary; undefined for tokens that no bytes are written as. */
export function byteLevelBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let index = 0; index < token.length; index++) {
    const byte = BYTES.get(token.charAt(index));
    if (byte === undefined) return undefined;
    bytes[index] = byte;
  }
  return bytes;
}
