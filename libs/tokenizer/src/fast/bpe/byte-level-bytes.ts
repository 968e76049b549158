import { BYTE_CHARACTERS } from '../../unicode/byte-characters.ts';
import type { TokenList } from '../token-list.ts';

/** By UTF-16 unit the byte that it stands for, or -1; units above stand for none. */
const BYTES = new Int16Array(512).fill(-1);
for (const [byte, character] of BYTE_CHARACTERS.entries()) BYTES[character.charCodeAt(0)] = byte;

/** Tokens of a byte-level vocabulary as the bytes that they stand for, without those that no bytes are written as. */
export function byteLevelTokens(vocabulary: ReadonlyMap<string, number>): TokenList {
  const most = vocabulary.keys().reduce((sum, token) => sum + token.length, 0);
  const bytes = new Uint8Array(most);
  const offsets = new Uint32Array(vocabulary.size + 1);
  const ids = new Uint32Array(vocabulary.size);
  let count = 0;
  let end = 0;
  for (const [token, id] of vocabulary) {
    let index = 0;
    for (; index < token.length; index++) {
      const byte = BYTES[token.charCodeAt(index)] ?? -1;
      if (byte < 0) break;
      bytes[end + index] = byte;
    }
    if (index < token.length) continue;
    end += token.length;
    ids[count++] = id;
    offsets[count] = end;
  }
  return { bytes: bytes.slice(0, end), offsets: offsets.slice(0, count + 1), ids: ids.slice(0, count) };
}
