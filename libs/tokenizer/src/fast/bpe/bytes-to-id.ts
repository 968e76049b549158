import { ByteTrie } from '../../model/byte-trie.ts';
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

/** Tokens by their bytes. */
export class BytesToId {
  readonly #trie: ByteTrie;

  private constructor(entries: readonly { readonly bytes: Uint8Array; readonly id: number }[]) {
    this.#trie = new ByteTrie(entries.reduce((sum, { bytes }) => sum + bytes.length, 0));
    for (const { bytes, id } of entries) this.#trie.insert(bytes, id);
  }

  static ofByteLevel(vocabulary: ReadonlyMap<string, number>): BytesToId {
    const entries = [];
    for (const [token, id] of vocabulary) {
      const bytes = byteLevelBytes(token);
      if (bytes !== undefined) entries.push({ bytes, id });
    }
    return new BytesToId(entries);
  }

  /** The token of exactly these bytes, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    let node = 0;
    for (let at = start; at < end && node >= 0; at++) node = this.#trie.child(node, bytes[at] ?? 0);
    return node < 0 ? -1 : this.#trie.valueAt(node);
  }
}
