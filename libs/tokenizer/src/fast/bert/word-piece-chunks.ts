import { ByteTrie } from '../../model/byte-trie.ts';
import type { WordPiece } from '../../model/word-piece.ts';
import type { Normalizer } from '../../normalizer/normalizer.ts';
import type { Pipeline } from '../../pipeline.ts';
import { punctuation, whiteSpace } from '../../unicode/character-classes.ts';
import { PipelineChunks, type ChunkModel } from '../chunk-model.ts';
import type { IdBuffer } from '../id-buffer.ts';
import { characterLength, codePointAt } from '../utf8.ts';
import { CharacterMap } from './character-map.ts';

const WORD = 0;
const SPACE = 1;
const PUNCTUATION = 2;

/** WordPiece after BertNormalizer and BertPreTokenizer, on bytes. */
export class WordPieceChunks implements ChunkModel {
  readonly #trie: ByteTrie;
  // Where continuations begin in the trie; -1 where there are none.
  readonly #continuation: number;
  readonly #maxCharacters: number;
  readonly #unkTokenId: number;
  readonly #map: CharacterMap;
  readonly #slow: PipelineChunks;

  constructor(model: WordPiece, normalizer: Normalizer | undefined, pipeline: Pipeline) {
    const encoder = new TextEncoder();
    const encoded = Array.from(model.vocabulary, ([token, id]) => ({ bytes: encoder.encode(token), id }));
    this.#trie = new ByteTrie(encoded.reduce((sum, { bytes }) => sum + bytes.length, 0));
    for (const { bytes, id } of encoded) this.#trie.insert(bytes, id);
    let node = 0;
    for (const byte of encoder.encode(model.prefix)) node = node < 0 ? node : this.#trie.child(node, byte);
    this.#continuation = node;
    this.#maxCharacters = model.maxCharacters;
    this.#unkTokenId = model.unkTokenId;
    this.#map = new CharacterMap(normalizer);
    this.#slow = new PipelineChunks(pipeline);
  }

  tokenize(bytes: Uint8Array, start: number, end: number, isFirst: boolean, ids: IdBuffer): void {
    const length = this.#map.apply(bytes, start, end);
    if (length < 0) {
      this.#slow.tokenize(bytes, start, end, isFirst, ids);
      return;
    }
    const text = this.#map.output;
    let wordStart = 0;
    let characterCount = 0;
    for (let at = 0; at < length;) {
      const size = characterLength(text[at] ?? 0);
      const kind = kindOf(text, at);
      if (kind === WORD) characterCount++;
      else {
        if (wordStart < at) this.#addWord(text, wordStart, at, characterCount, ids);
        if (kind === PUNCTUATION) this.#addWord(text, at, at + size, 1, ids);
        wordStart = at + size;
        characterCount = 0;
      }
      at += size;
    }
    if (wordStart < length) this.#addWord(text, wordStart, length, characterCount, ids);
  }

  #addWord(text: Uint8Array, start: number, end: number, characterCount: number, ids: IdBuffer): void {
    const trie = this.#trie;
    const lengthBefore = ids.length;
    for (let at = start; at < end && characterCount <= this.#maxCharacters;) {
      let node = at === start ? 0 : this.#continuation;
      let [id, idEnd] = [-1, at];
      for (let next = at; next < end && node >= 0;) {
        node = trie.child(node, text[next++] ?? 0);
        const value = node < 0 ? -1 : trie.valueAt(node);
        if (value < 0) continue;
        id = value;
        idEnd = next;
      }
      if (id < 0) break;
      ids.push(id);
      at = idEnd;
      if (at === end) return;
    }
    // One part that is not known makes the whole word unknown.
    ids.length = lengthBefore;
    ids.push(this.#unkTokenId);
  }
}

const ASCII_KINDS = Uint8Array.from({ length: 128 }, (_, codePoint) => kindOfCodePoint(codePoint));

function kindOf(text: Uint8Array, at: number): number {
  const lead = text[at] ?? 0;
  return lead < 0x80 ? (ASCII_KINDS[lead] ?? 0) : kindOfCodePoint(codePointAt(text, at));
}

function kindOfCodePoint(codePoint: number): number {
  return punctuation.has(codePoint) ? PUNCTUATION : whiteSpace.has(codePoint) ? SPACE : WORD;
}
