import type { AddedToken } from '../added-tokens.ts';
import { ByteTrie } from '../model/byte-trie.ts';
import { whiteSpace, wordCharacter } from '../unicode/character-classes.ts';
import { characterLength, codePointAt, codePointBefore } from '../unicode/utf8.ts';

/** Finds added tokens in bytes as AddedTokenFinder does in strings: leftmost first and of those the longest. */
export class AddedTokenScanner {
  readonly isEmpty: boolean;
  /** Of the match that `next` found: where it begins and ends, white space that it takes included, and the token's id. */
  matchStart = 0;
  matchEnd = 0;
  matchId = 0;
  readonly #tokens: readonly AddedToken[];
  readonly #isFirstByte = new Uint8Array(256);
  readonly #trie: ByteTrie;
  #textStart = 0;
  #textEnd = 0;
  // Where to look next, and where the last match ended with the white space that it took.
  #from = 0;
  #taken = 0;

  constructor(tokens: readonly AddedToken[]) {
    const encoder = new TextEncoder();
    this.#tokens = tokens.filter((token) => token.content !== '');
    this.isEmpty = this.#tokens.length === 0;
    const contents = this.#tokens.map((token) => encoder.encode(token.content));
    this.#trie = new ByteTrie(contents.reduce((sum, bytes) => sum + bytes.length, 0));
    contents.forEach((bytes, index) => {
      this.#trie.insert(bytes, index);
      this.#isFirstByte[bytes[0] ?? 0] = 1;
    });
  }

  /** Begins a search in `bytes[start, end)`. */
  begin(start: number, end: number): void {
    this.#textStart = this.#from = this.#taken = start;
    this.#textEnd = end;
  }

  /** Whether there is one more match. */
  next(bytes: Uint8Array): boolean {
    const end = this.#textEnd;
    const isFirstByte = this.#isFirstByte;
    for (let at = this.#from; at < end; at++) {
      if (isFirstByte[bytes[at] ?? 0] === 0) continue;
      const index = this.#longestAt(bytes, at);
      const token = this.#tokens[index];
      if (token === undefined) continue;
      // What is found but not taken is passed over as a whole.
      this.#from = this.matchEnd;
      if (token.singleWord && this.#touchesWord(bytes, at, this.matchEnd)) {
        at = this.matchEnd - 1;
        continue;
      }
      this.#take(bytes, token, at);
      return true;
    }
    this.#from = end;
    return false;
  }

  /** Index of the longest token at `at`, or -1; puts its end into `matchEnd`. */
  #longestAt(bytes: Uint8Array, start: number): number {
    let index = -1;
    let node = 0;
    for (let at = start; at < this.#textEnd;) {
      node = this.#trie.child(node, bytes[at++] ?? 0);
      if (node < 0) break;
      const value = this.#trie.valueAt(node);
      if (value < 0) continue;
      index = value;
      this.matchEnd = at;
    }
    return index;
  }

  #take(bytes: Uint8Array, token: AddedToken, at: number): void {
    let start = at;
    let end = this.matchEnd;
    if (token.lstrip) {
      while (start > this.#taken && whiteSpace.has(codePointBefore(bytes, start))) {
        start--;
        while (((bytes[start] ?? 0) & 0xc0) === 0x80) start--;
      }
    }
    if (token.rstrip)
      while (end < this.#textEnd && whiteSpace.has(codePointAt(bytes, end))) end += characterLength(bytes[end] ?? 0);
    // The one before may have taken white space that this one begins with.
    this.matchStart = Math.max(start, this.#taken);
    this.matchEnd = this.#taken = Math.max(end, this.matchStart);
    this.matchId = token.id;
  }

  #touchesWord(bytes: Uint8Array, start: number, end: number): boolean {
    return (
      (start > this.#textStart && wordCharacter.has(codePointBefore(bytes, start))) ||
      (end < this.#textEnd && wordCharacter.has(codePointAt(bytes, end)))
    );
  }
}
